"""What runs beside the rows."""
