"""The methods, one function each. A module here is found by itself; `@method` puts its methods on the list."""
