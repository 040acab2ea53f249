"""What follows after a failed try: another source, the same again, fewer parameters, another model."""
