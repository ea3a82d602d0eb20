"""What may leave the site."""
