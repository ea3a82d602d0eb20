"""The analyst's package: it talks to a coordinator over HTTP and imports nothing of the server."""
