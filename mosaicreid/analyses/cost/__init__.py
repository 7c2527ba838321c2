"""What a run and a sweep cost before they start: measured on the device at hand, or counted in operations."""
