"""Other programs that fit the same model, on the pooled rows. None of them is needed: what is not installed is said."""
