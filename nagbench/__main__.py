"""``python -m nagbench`` is the command ``nagbench``."""

from nagbench.cli import main

if __name__ == "__main__":
    main()
