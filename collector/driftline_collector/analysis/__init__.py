"""From counts in the store to evaluated numbers with a verdict."""
