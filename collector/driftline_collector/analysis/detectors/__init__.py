"""The mathematics, one subject per file: arrays in, numbers and p-values out, no threshold inside. numpy and scipy only."""
