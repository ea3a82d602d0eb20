"""A closed grammar for model formulas: text to terms to named design columns. No rows, and nothing is evaluated."""
