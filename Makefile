# The commands of a contributor, in a virtual environment of their own.

.PHONY: install lint test extra gate

install:  ## What development needs, and the checks before every commit.
	python -m pip install -c constraints.txt -e '.[test]'
	pre-commit install

lint:  ## Style, types, layers, spelling.
	pre-commit run --all-files

test:  ## All tests, on all cores.
	python -m pytest -n auto

extra:  ## The slow checks that do not block a change.
	bash .ci/extra

gate:  ## No regression of counts or times against the commit before.
	python -m benchmarks.gate HEAD~1
