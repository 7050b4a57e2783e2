"""What a framework's own arithmetic makes of a mean and a variance."""
