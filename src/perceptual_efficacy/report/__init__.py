"""The study's page: its verdicts, its figures, and a channel explorer, in one file that needs nothing else."""
