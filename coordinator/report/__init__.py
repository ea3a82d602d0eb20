"""The printable report of a result: one page that needs nothing else, made of the result alone."""
