"""What a user names as a model: told apart by its content, before a framework is imported."""
