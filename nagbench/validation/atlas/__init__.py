"""The atlas of equivalence: algorithms that several packages ship under the same name, compared option by option."""
