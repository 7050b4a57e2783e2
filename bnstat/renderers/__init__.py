"""A format is a file: report → text. Renderers see the report and nothing else."""
