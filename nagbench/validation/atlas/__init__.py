"""The atlas of equivalence: algorithms that several packages ship under one name, with every option, side by side."""
