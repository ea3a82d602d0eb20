"""Who may ask the coordinator, and for what: analysts' keys, an issuer's tokens, roles."""
