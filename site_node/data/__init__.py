"""The data at the site: sources of columns, and the design that a specification asks of them."""
