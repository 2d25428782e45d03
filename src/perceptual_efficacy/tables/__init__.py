"""The study's tables, one module each: `table` builds tidy numbers, `render` shows them as people read them."""
