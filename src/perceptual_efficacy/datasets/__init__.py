"""What people saw and what they said, brought into the study's common form; one module per source."""
