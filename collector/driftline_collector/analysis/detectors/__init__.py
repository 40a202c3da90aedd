"""The mathematics, one subject per file: arrays in, numbers and p-values out, and no threshold inside."""
