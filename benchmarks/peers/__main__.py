"""`python -m benchmarks.peers`: the table of times an iteration."""

if __name__ == "__main__":
    from benchmarks.peers.environment import limit_threads

    limit_threads()
    from benchmarks.peers.command import main

    main(prog_name="python -m benchmarks.peers")
