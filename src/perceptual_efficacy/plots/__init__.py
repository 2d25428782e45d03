"""The study's figures, one module each: `table` builds the data that a figure shows, `draw` draws from it alone."""
