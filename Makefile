# Commands for contributors; run them in your own virtual environment.

.PHONY: install lint test extra gate

install:  ## Install the development dependencies and the pre-commit hooks.
	python -m pip install -c constraints.txt -e '.[test]'
	pre-commit install

lint:  ## Style, types, layers, spelling.
	pre-commit run --all-files

test:  ## All tests, on all cores.
	python -m pytest -n auto

extra:  ## The slow checks that do not block a change.
	bash .ci/extra

gate:  ## Compare counts and times with the previous commit.
	python -m benchmarks.gate HEAD~1
