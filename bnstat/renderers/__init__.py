"""A report as text: a folder for what each command found, a file in it for each format. They see the report alone."""
