"""From counts in the store to evaluated numbers with a verdict: windows, segments, drift, performance, coverage."""
