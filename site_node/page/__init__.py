"""The site's page: for people at the site, on a listener of its own that nobody but its machine reaches."""
