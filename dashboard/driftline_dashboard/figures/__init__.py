"""Pictures: pure functions, data in, altair chart out. What they mean is also said in a sentence: `says`."""
