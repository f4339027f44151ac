"""What users see in a notebook: how objects show themselves, figures on axes, functions of the notebook, a progress bar."""

import html.parser
import re

import matplotlib.figure
import matplotlib.pyplot as plt
import pytest

import nagbench
from nagbench import UsageError
from nagbench.api.notebook_bar import NotebookBar

STEPS = "nesterov:step_size=0.1,momentum=0.3"


@pytest.fixture(autouse=True)
def _no_figure_stays():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov", "momentum"], modes=["default", "grid"], grid=3, starts=2, budget=500,
        tolerances=[1e-3], timing=False, out=tmp_path_factory.mktemp("notebook") / "a",
    )  # fmt: skip


class _Balance(html.parser.HTMLParser):
    """Fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("thing", "short", "shown"),
    [
        (lambda: nagbench.problem("bowl"), "Problem('bowl', dimension=2)", "condition κ"),
        (lambda: nagbench.optimizer(STEPS), f"Optimizer({STEPS!r})", "momentum"),
        (
            lambda: nagbench.run("bowl", STEPS),
            "Run('quadratic', 'nesterov', status='converged', iterations=39)",
            "rises",
        ),
    ],
)
def test_objects_show_themselves(thing, short, shown):
    made = thing()
    assert repr(made) == short
    _Balance(made._repr_html_())
    assert f"<th>{shown}</th>" in made._repr_html_()


def test_a_certificate_shows_its_pairs():
    found = nagbench.verify("nesterov", "nesterov-two-sequence", scenarios=["constant"], steps=3)
    assert repr(found) == "Certificate('nesterov', problem='rosenbrock-10', steps=3, pairs=1)"
    _Balance(found._repr_html_())
    assert "<td>nesterov-two-sequence</td>" in found._repr_html_()


def test_names_are_escaped():
    shown = nagbench.core.notebook.facts_as_html("<b>", {"source": "<script>"})
    assert "<script>" not in shown
    assert "<b>" not in shown


@pytest.mark.parametrize("name", ["curves", "profile", "map", "paths", "verdicts"])
def test_figures_of_a_sweep_are_axes(sweep, name):
    if name == "profile":
        with pytest.raises(UsageError, match="known: default, grid"):
            sweep.plot.profile(mode="tuned")
    axes = matplotlib.figure.Figure().add_subplot()
    assert getattr(sweep.plot, name)(ax=axes) is axes
    assert axes.lines or axes.collections
    assert axes.get_xlabel()
    # Drawn in full, as a notebook does.
    axes.figure.canvas.draw()


def test_a_new_figure_is_one_that_a_notebook_shows(sweep):
    axes = sweep.plot.curves("bowl", mode="default", against="evaluations")
    assert axes.figure.number in plt.get_fignums()
    assert axes.get_xlabel() == "gradient evaluations"
    assert "bowl, default, to ‖∇f(x)‖ ≤ 0.001" in axes.get_title("left")


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda plot: plot.curves("bowll"), "did you mean 'bowl'"),
        (lambda plot: plot.curves(mode="tuned"), "known: default, grid"),
        (lambda plot: plot.curves(against="times"), "did you mean 'time'"),
        (lambda plot: plot.curves(against="time"), "nothing was timed"),
        (lambda plot: plot.verdicts("nestrov"), "did you mean 'nesterov'"),
        (lambda plot: plot.verdicts("nesterov", "nesterov"), "not with itself"),
        (lambda plot: plot.map("bowl", "adam"), "unknown optimizer 'adam'"),
    ],
)
def test_figures_refuse_what_there_is_not(sweep, draw, said):
    with pytest.raises(UsageError, match=re.escape(said)) as told:
        draw(sweep.plot)
    assert "\n" not in str(told.value)


def test_a_run_and_a_problem_draw_themselves():
    kept = nagbench.run("bowl", STEPS, iterations=5)
    again = nagbench.run("bowl", STEPS, budget=5)
    lines = [run.plot().lines[-1].get_xydata().tolist() for run in (kept, again)]
    assert lines[0] == lines[1] == kept.path.tolist()
    assert nagbench.problem("bowl").plot().get_ylabel() == "x₂"
    assert nagbench.problem("quadratic", eigenvalues=[1.0, 2.0, 3.0]).plot().get_ylabel() == "eigenvalue of the Hessian"


def test_iterations_are_exactly_so_many():
    run = nagbench.run("bowl", STEPS, iterations=30)
    assert (run.iterations, len(run.path), run.status) == (30, 31, "budget")
    with pytest.raises(UsageError, match="iterations"):
        nagbench.run("bowl", STEPS, iterations=-1)


def test_the_summary_and_the_best(sweep):
    table, best = sweep.summary(), sweep.best()
    assert list(best["mode"]) == ["grid", "default"]
    rows = table[table["mode"] == "default"]
    assert best["iterations"].iloc[1] == rows["iterations"].min()
    assert best["next"].iloc[1] == rows["iterations"].max()
    assert repr(sweep).startswith("Sweep(")


def test_the_bar_says_how_far_it_is():
    bar = NotebookBar()
    bar._show = lambda at_once: None
    bar.stage("counting", 1200)
    bar.advance(300, {"converged": 290, "diverged": 10})
    assert bar.text() == "counting: 300 of 1,200 cells, 290 converged, 10 diverged"


NOTEBOOK = [
    "import nagbench\n%matplotlib inline",
    "scale = 2.0\ndef valley(x): return scale * float(x @ x) / 2\ndef slope(x): return scale * x\n"
    "def step(x, gradient, state, step_size=0.1): return x - step_size * gradient",
    "p = nagbench.problem(valley, gradient=slope, start=[1.0, 2.0])\np",
    "o = nagbench.optimizer(step)\n"
    "s = nagbench.sweep(problems=[p], optimizers=[STEPS, o], modes=['default'], tolerances=[1e-6], timing=False, out='a')\ns",
    "print(s.runs[['status', 'iterations']].to_dict('records'))",
    "s.plot.paths();",
    "scale = 4.0\n"
    "s = nagbench.sweep(problems=[p], optimizers=[o], modes=['default'], tolerances=[1e-6], timing=False, out='a')\n"
    "print(s.runs['iterations'].tolist())",
    "try:\n    nagbench.sweep(problems=[p], optimizers=[o], modes=['default'], cell_timeout=9.0, out='b')\n"
    "except nagbench.UsageError as error:\n    print(error)",
]


@pytest.mark.slow
def test_a_notebook_runs(tmp_path):
    """The kernel of a notebook: its functions are swept, figures and tables are shown, changed functions run again."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [nbformat.v4.new_code_cell(text.replace("STEPS", repr(STEPS))) for text in NOTEBOOK]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    texts = [
        "".join(output.get("text", "") + str(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
        for cell in book.cells
    ]
    assert "<th>dimension</th><td>2</td>" in texts[2]
    assert "<table>" in texts[3]
    # ∇f = 2x, so that x shrinks by 1 − 0.1·2 an iteration, from ‖∇f‖ = 2√5: ⌈ln(10⁻⁶ / 2√5) / ln 0.8⌉; with 4x, by 0.6.
    assert "'iterations': 69}" in texts[4]
    assert any("image/png" in output.get("data", {}) for output in book.cells[5].outputs)
    assert texts[6].rstrip().endswith("[32]")
    assert "defined in this notebook" in texts[7]
