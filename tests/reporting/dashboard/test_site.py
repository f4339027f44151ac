"""The published site: complete without a network, the history of planted results, a regression listed."""

import http.client
import importlib.util
import json
import math
import re
import threading
from pathlib import Path

import pytest

from nagbench.core.errors import UsageError
from nagbench.reporting.dashboard import asv_results
from nagbench.reporting.dashboard.asv_results import AsvResults, ResultFile
from nagbench.reporting.dashboard.changes import Point, Series, steps_of
from nagbench.reporting.dashboard.checkout import find_checkout
from nagbench.reporting.dashboard.server import create_server, server_url
from nagbench.reporting.dashboard.site import bundle_assets, publish_site

NAME = "counts.track_iterations"
STEPS = [10, 10, 10, 13, 13, 13]


@pytest.fixture(scope="module")
def checkout(needs_git, tmp_path_factory):
    """A repository of six commits, their hashes oldest first."""
    git, place = needs_git, tmp_path_factory.mktemp("checkout")
    git(place, "init", "-q")
    for number in range(len(STEPS)):
        (place / "file").write_text(str(number))
        git(place, "add", "-A")
        git(place, "commit", "-qm", f"number {number}", "--date", f"2026-01-0{number + 1}T12:00:00")
    return place, git(place, "rev-list", "--reverse", "HEAD").split()


def benchmark(name=NAME, params=("'bowl'", "'valley'"), version="1"):
    return {
        "name": name, "pretty_name": "Iterations", "type": "track", "unit": "iterations", "version": version,
        "param_names": ["problem"], "params": [list(params)], "code": "", "timeout": 60,
    }  # fmt: skip


def results(commit, values, machine="here", params=("'bowl'", "'valley'"), name=NAME, version="1"):
    content = {
        "commit_hash": commit, "env_name": "any", "date": 1767268800000, "python": "3.11", "requirements": {},
        "params": {"machine": machine, "python": "3.11", "numpy": ""}, "env_vars": {},
        "result_columns": ["result", "params", "version"], "results": {name: [values, [list(params)], version]},
        "durations": {},
    }  # fmt: skip
    return ResultFile(machine, f"{commit[:8]}-any.json", content)


def history(commits, **given):
    rows = [results(commit, [float(steps), None], **given) for commit, steps in zip(commits, STEPS, strict=True)]
    return AsvResults({NAME: benchmark()}, {"here": {"machine": "here"}}, rows)


@pytest.fixture(scope="module")
def site(checkout, tmp_path_factory):
    place, commits = checkout
    (place / "asv.conf.json").write_text(
        json.dumps({"project": "steps", "regressions_thresholds": {"counts\\..*": 0.0}})
    )
    never_ran = {"idle.track": benchmark("idle.track")}
    folder = history(commits)
    warnings = []
    out = tmp_path_factory.mktemp("site") / "html"
    done = publish_site(
        find_checkout(place), AsvResults({**folder.benchmarks, **never_ran}, folder.machines, folder.results), out,
        warnings.append,
    )  # fmt: skip
    return done, out, warnings


def assets(page):
    """What a browser loads by itself: scripts, styles, images; not where a reader may go."""
    found = re.findall(r"<(?:script|img)\b[^>]*?\bsrc=\"([^\"]+)\"", page, re.S)
    return found + re.findall(r"<link\b[^>]*?\bhref=\"([^\"]+)\"", page, re.S)


def test_the_page_loads_nothing_from_elsewhere_and_everything_is_there(site):
    _, out, _ = site
    needed = assets((out / "asv.html").read_text(encoding="utf-8"))
    assert len(needed) > 20
    for asset in needed:
        assert not re.match(r"(https?:)?//", asset), asset
        assert (out / asset).is_file(), asset
    styles = [*out.glob("*.css"), *out.glob("vendor/*.css")]
    assert len(styles) >= 3
    for style in styles:
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style
    assert "MIT" in (out / "vendor" / "LICENSES.txt").read_text(encoding="utf-8")


def test_the_graph_is_the_history(site):
    done, out, warnings = site
    assert warnings == []
    assert (done.benchmarks, done.commits, done.page) == (1, 6, out / "index.html")
    (graph,) = (out / "graphs").glob(f"**/machine-here/**/{NAME}.json")
    points = json.loads(graph.read_text(encoding="utf-8"))
    assert [values[0] for _, values in points] == STEPS
    assert [values[1] for _, values in points] == [None] * 6
    assert [revision for revision, _ in points] == sorted({revision for revision, _ in points})
    index = json.loads((out / "index.json").read_text(encoding="utf-8"))
    assert index["project"] == "steps"
    assert list(index["benchmarks"]) == [NAME]
    assert "numpy" not in index["params"]


def test_the_first_page_tells_what_changed(site, checkout):
    done, out, _ = site
    page = (out / "index.html").read_text(encoding="utf-8")
    assert assets(page) == []
    assert "script" not in page
    assert done.changes == 1
    (change,) = re.findall(r"<li class=\"(\w+)\">(.*?)</li>", page, flags=re.S)
    assert change[0] == "worse"
    assert re.search(r"bowl.*10 → 13.*\+30 %", change[1], flags=re.S)
    assert checkout[1][3][:8] in page
    assert "number 3" in page
    (link,) = set(re.findall(r"href=\"(asv\.html#counts[^\"]*)\"", page))
    assert "y-axis-scale=log" in link
    assert "p-problem=%27bowl%27" in link
    assert page.count("<svg") >= 1


@pytest.mark.parametrize(
    ("values", "threshold", "expected"),
    [
        ([10, 10, 11, 11], 0.0, [(2, 10, 11)]),
        ([1.0, 1.0 + 1.4e-14, 1.0], 1e-4, []),
        ([math.nan, math.nan, 6, 6], 0.0, []),
        ([5, math.nan, math.nan, 6], 0.0, [(1, 5, math.nan), (3, math.nan, 6)]),
        # A time: one slow measurement is none, a step that stays is one.
        ([1.0, 1.02, 0.98, 1.9, 1.01, 1.0], 0.2, []),
        ([1.0, 1.02, 0.98, 1.5, 1.48, 1.52, 1.5], 0.2, [(3, 1.0, 1.5)]),
        ([1.0, 1.02, 0.98, 0.5, 0.51, 0.49], 0.2, [(3, 1.0, 0.5)]),
    ],
)
def test_only_what_is_beyond_noise_is_a_step(values, threshold, expected):
    points = tuple(Point(str(place), float(value)) for place, value in enumerate(values))
    found = steps_of(Series("b", "B", "s", "m", {}, max(threshold, 1e-9), points))
    told = [(step.index, step.before, step.after) for step in found]
    assert [index for index, *_ in told] == [index for index, *_ in expected]
    for (_, *one), (_, *other) in zip(told, expected, strict=True):
        assert one == pytest.approx(other, nan_ok=True)
    assert all(step.worse == (not step.after < step.before) for step in found if not math.isnan(step.before))


def test_the_step_is_listed_as_a_regression(site):
    done, out, _ = site
    assert done.regressions == 1
    (found,) = json.loads((out / "regressions.json").read_text(encoding="utf-8"))["regressions"]
    assert found[0] == f"{NAME}('bowl')"
    assert found[4:6] == [13.0, 10.0]


def test_results_of_unknown_commits_are_named_and_left_out(checkout, tmp_path):
    place, commits = checkout
    folder = history(commits)
    folder.results.append(results("f" * 40, [1.0, 1.0]))
    warnings = []
    done = publish_site(find_checkout(place), folder, tmp_path / "html", warnings.append)
    assert done.commits == 6
    assert len(warnings) == 1
    assert "ffffffff" in warnings[0]
    again = publish_site(find_checkout(place), history(commits), tmp_path / "html", warnings.append)
    assert again.page.exists()


def test_nothing_to_show_and_folders_of_others_are_usage_errors(checkout, tmp_path):
    place, commits = checkout
    with pytest.raises(UsageError, match="no results to show"):
        publish_site(find_checkout(place), AsvResults(), tmp_path / "html", print)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="contains other files"):
        publish_site(find_checkout(place), history(commits), theirs, print)
    assert (theirs / "thesis.tex").exists()
    with pytest.raises(UsageError, match="not in a git checkout"):
        find_checkout(tmp_path)
    with pytest.raises(UsageError, match="no-such"):
        find_checkout(place).find_commit("no-such")


@pytest.mark.usefixtures("no_programs")
def test_without_git_there_is_no_history(tmp_path):
    with pytest.raises(UsageError, match="git cannot be run: No such file or directory"):
        find_checkout(tmp_path)


def test_an_asset_that_is_not_kept_here_is_an_error_and_not_a_hole(tmp_path):
    (tmp_path / "index.html").write_text('<script src="https://example.org/new-library.js"></script>')
    with pytest.raises(UsageError, match=re.escape("example.org/new-library.js")):
        bundle_assets(tmp_path)


def test_a_folder_is_read_as_it_was_written(checkout, tmp_path):
    folder = history(checkout[1])
    asv_results.write_results(folder, tmp_path / "asv")
    back = asv_results.read_results(tmp_path / "asv")
    assert back.benchmarks == folder.benchmarks
    assert back.machines == {"here": {"machine": "here", "version": 1}}
    assert [(r.machine, r.name, r.commit) for r in back.results] == sorted(
        (r.machine, r.name, r.commit) for r in folder.results
    )
    assert asv_results.read_results(tmp_path / "nowhere") == AsvResults()
    (tmp_path / "asv" / "here" / "00000000-any.json").write_text('{"results": NaN}')
    with pytest.raises(UsageError, match="not a file of asv results"):
        asv_results.read_results(tmp_path / "asv")
    (tmp_path / "asv" / "benchmarks.json").write_text("[]")
    with pytest.raises(UsageError, match="not a file of asv"):
        asv_results.read_results(tmp_path / "asv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no benchmarks\.json"):
        asv_results.read_results(tmp_path / "empty")


def test_asvs_own_nan_is_read(tmp_path):
    asv_results.write_results(
        AsvResults({NAME: benchmark()}, {"here": {}}, [results("a" * 40, [math.nan, 1.0])]), tmp_path
    )
    (found,) = asv_results.read_results(tmp_path).results
    assert math.isnan(found.content["results"][NAME][0][0])


def test_merging_pools_parameters_and_keeps_the_former_of_two():
    first = AsvResults(
        {NAME: benchmark(params=["'bowl'"])}, {"a": {"cpu": "one"}}, [results("1" * 40, [1.0], "a", ["'bowl'"])]
    )
    second = AsvResults(
        {NAME: benchmark(params=["'valley'", "'bowl'"]), "other": benchmark("other")},
        {"a": {"cpu": "two"}, "b": {}},
        [results("1" * 40, [2.0, 3.0], "a"), results("1" * 40, [4.0, 5.0], "b")],
    )
    both = asv_results.merge_results([first, second])
    assert both.benchmarks[NAME]["params"] == [["'bowl'", "'valley'"]]
    assert set(both.benchmarks) == {NAME, "other"}
    assert both.machines == {"a": {"cpu": "one"}, "b": {}}
    assert [(r.machine, r.content["results"][NAME][0]) for r in both.results] == [("a", [1.0]), ("b", [4.0, 5.0])]
    newer = asv_results.merge_results([AsvResults({NAME: benchmark(params=["'bowl'"], version="2")}), second])
    assert newer.benchmarks[NAME] == benchmark(params=["'bowl'"], version="2")


def test_the_server_serves_its_folder_to_its_own_names(tmp_path):
    """A page elsewhere whose name was made to point here asks with that name; a link leads out of the folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("site")
    (folder / "within.html").symlink_to("index.html")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    with create_server(folder, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        port = running.server_address[1]
        asked = {}
        for host, path in (
            (f"127.0.0.1:{port}", "/index.html"), (f"localhost:{port}", "/within.html"), ("localhost", "/"),
            (f"evil.example:{port}", "/"), ("", "/"), (f"localhost:{port}", "/link.txt"),
            (f"localhost:{port}", "/up/secret.txt"), (f"localhost:{port}", "/../secret.txt"), (f"localhost:{port}", "/up/"),
        ):  # fmt: skip
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            asked[host.partition(":")[0], path] = answer.status
            assert b"secret" not in answer.read()
            connection.close()
        running.shutdown()
    assert list(asked.values()) == [200, 200, 200, 421, 421, 404, 404, 404, 404]


@pytest.mark.parametrize("name", ["--output=owned", "-p", "nothing"])
def test_a_commit_that_somebodys_results_name_is_no_option_of_git(needs_git, tmp_path, name):
    needs_git(tmp_path, "init", "-q")
    needs_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    with pytest.raises(UsageError, match="is not in the history"):
        find_checkout(tmp_path).find_commit(name)
    assert not (tmp_path / "owned").exists()


def test_the_server_answers_on_this_machine_alone(site):
    _, out, _ = site
    with create_server(out, 0) as running:
        assert running.server_address[0] == "127.0.0.1"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", running.server_address[1], timeout=10)
        connection.request("GET", "/asv.html")
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"airspeed velocity" in answer.read()
        connection.close()
        with pytest.raises(UsageError, match="cannot be served"):
            create_server(out, running.server_address[1])
        running.shutdown()
        thread.join()
        assert server_url(running) == f"http://127.0.0.1:{running.server_address[1]}/"


def test_the_vendored_files_answer_to_every_remote_asset_of_the_installed_asv(site):
    """The site above was made from asv's page; this says how many of its assets were remote."""
    home = Path(importlib.util.find_spec("asv").origin).parent
    page = (home / "www" / "index.html").read_text(encoding="utf-8")
    remote = [asset for asset in assets(page) if asset.startswith("http")]
    assert len(remote) == 10


def test_every_machine_has_a_graph_of_every_benchmark(checkout, tmp_path):
    """The page asks for all of them, whatever ran where: a request that fails is shown as an error."""
    place, commits = checkout
    mine, other = history(commits), results(commits[0], [1.0, 2.0], machine="there", name="study.x.iterations")
    both = AsvResults(
        {**mine.benchmarks, "study.x.iterations": benchmark("study.x.iterations")},
        {**mine.machines, "there": {"machine": "there"}}, [*mine.results, other],
    )  # fmt: skip
    done = publish_site(find_checkout(place), both, tmp_path / "html", print)
    combinations = json.loads((tmp_path / "html" / "index.json").read_text(encoding="utf-8"))["graph_param_list"]
    assert {given["machine"] for given in combinations} == {"here", "there"}
    for given in combinations:
        folder = done.page.parent / "graphs" / Path(*(f"{key}-{given[key]}" for key in sorted(given)))
        lengths = {name: len(json.loads((folder / f"{name}.json").read_text())) for name in both.benchmarks}
        assert lengths == ({NAME: 6, "study.x.iterations": 0} if given["machine"] == "here" else
                           {NAME: 0, "study.x.iterations": 1})  # fmt: skip
