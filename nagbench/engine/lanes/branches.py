"""Functions rewritten so that a branch that depends on the lane is recorded: both sides are, and a selection of the results."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import types as python_types
from collections.abc import Callable
from typing import Any

from nagbench.engine.lanes.functions import MODULES, absolute, as_float, maximum, minimum, power
from nagbench.engine.lanes.symbols import Symbol, UntraceableError

Function = Callable[..., Any]


class _Undefined:
    """Stands for a variable that one side of a branch does not define."""


UNDEFINED = _Undefined()


def _is_varying(condition: Any) -> bool:
    """Tell whether a condition depends on the lane."""
    return isinstance(condition, Symbol) and condition.value is None


def _merge(condition: Symbol, if_true: Any, if_false: Any) -> Any:
    """Return the selection of a variable after both sides."""
    if if_true is if_false:
        return if_true
    if isinstance(if_true, tuple) and isinstance(if_false, tuple) and len(if_true) == len(if_false):
        return tuple(_merge(condition, a, b) for a, b in zip(if_true, if_false, strict=True))
    numbers = (Symbol, int, float)
    if isinstance(if_true, numbers) and isinstance(if_false, numbers):
        return condition.recording.select(condition, if_true, if_false)
    return UNDEFINED


def _select(condition: Any, if_true: Function, if_false: Function) -> Any:
    """Return what ``if_true() if condition else if_false()`` is."""
    if not _is_varying(condition):
        return if_true() if condition else if_false()
    return condition.recording.select(condition, if_true(), if_false())


def _returned(condition: Any, then: Function, otherwise: Function) -> Any:
    """Return what one side or the other returns, or a selection of both."""
    if not _is_varying(condition):
        return then() if condition else otherwise()
    recording = condition.recording
    before = recording.snapshot()
    result = then()
    written = recording.snapshot()
    recording.restore(before)
    other = otherwise()
    recording.merge(condition, written)
    return _merge(condition, result, other)


def _logical(name: str, a: Any, b: Function) -> Any:
    """Return what ``a and b()`` or ``a or b()`` is."""
    if not _is_varying(a):
        return (a and b()) if name == "and" else (a or b())
    other = b()
    if not isinstance(other, Symbol):
        other = a.recording.operation("icmp ==", "b", a.recording.constant(int(bool(other))), a.recording.constant(1))
    return a.recording.operation(name, "b", a, other)


def _negation(a: Any) -> Any:
    """Return what ``not a`` is."""
    return a.recording.operation("not", "b", a) if _is_varying(a) else not a


_SUPPORT: dict[str, Any] = {
    "_is_varying_": _is_varying, "_merge_": _merge, "_select_": _select, "_returned_": _returned,
    "_logical_": _logical, "_negation_": _negation,
    "_undefined_": UNDEFINED, "_power_": power, "max": maximum, "min": minimum, "abs": absolute, "float": as_float,
}  # fmt: skip


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _lazily(expression: ast.expr) -> ast.Lambda:
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(nothing, expression)


def _has(nodes: list[ast.stmt], *kinds: type) -> bool:
    return any(isinstance(inner, kinds) for node in nodes for inner in ast.walk(node))


def _assigned(nodes: list[ast.stmt]) -> list[str]:
    """Return the variables that statements assign."""
    found = (inner for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name))
    return sorted({name.id for name in found if isinstance(name.ctx, ast.Store) and not name.id.startswith("_lane")})


class _Rewriter(ast.NodeTransformer):
    """Rewrites branches, conditions and powers of one function."""

    def __init__(self) -> None:
        self._count = self._loops = 0

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements in a row. What follows an ``if`` that returns becomes its other side."""
        rewritten: list[ast.stmt] = []
        for at, statement in enumerate(statements):
            if isinstance(statement, ast.If):
                rest = statements[at + 1 :]
                if isinstance(statement.body[-1], ast.Return) and not (self._loops or (statement.orelse and rest)):
                    return [*rewritten, *self._returning_if(statement.test, statement.body, statement.orelse or rest)]
                rewritten += self._if(statement)
            else:
                rewritten.append(self.visit(statement))
        return rewritten

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list, node.returns = [], None
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            argument.annotation = None
        node.args.defaults = []
        node.body = self.block(node.body)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self._loops += 1
        node.iter, node.body = self.visit(node.iter), self.block(node.body)
        self._loops -= 1
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self._loops += 1
        node.test, node.body = self.visit(node.test), self.block(node.body)
        self._loops -= 1
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return _call(
            "_select_", self.visit(node.test), _lazily(self.visit(node.body)), _lazily(self.visit(node.orelse))
        )

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        name = ast.Constant("and" if isinstance(node.op, ast.And) else "or")
        result = self.visit(node.values[-1])
        for value in reversed(node.values[:-1]):
            result = _call("_logical_", name, self.visit(value), _lazily(result))
        return result  # type: ignore[no-any-return]

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        operand = self.visit(node.operand)
        return _call("_negation_", operand) if isinstance(node.op, ast.Not) else ast.UnaryOp(node.op, operand)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if len(node.ops) > 1:
            first = ast.Compare(node.left, node.ops[:1], node.comparators[:1])
            rest = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
            return self.visit(ast.BoolOp(ast.And(), [first, rest]))  # type: ignore[no-any-return]
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow):
            # Compiled code multiplies for a literal integer.
            literal = ast.Constant(isinstance(node.right, (ast.Constant, ast.UnaryOp)))
            return _call("_power_", node.left, node.right, literal)
        return node

    def _if(self, node: ast.If) -> list[ast.stmt]:
        self._count += 1
        c = f"_lane{self._count}_"
        test = self.visit(node.test)
        body, orelse = self.block(node.body), self.block(node.orelse)
        plain = ast.If(ast.Name(f"{c}test", ast.Load()), body, orelse)
        begin = ast.Assign([ast.Name(f"{c}test", ast.Store())], test)
        if _has([*body, *orelse], ast.Return, ast.Break, ast.Continue, ast.List, ast.ListComp):
            return [begin, plain]  # a condition that depends on the lane ends the recording here
        names = _assigned([*body, *orelse])
        lines = [f"{c}arrays = {c}test.recording.snapshot()", f"{c}before = dict(locals())"]
        middle = [
            f"{c}after = dict(locals())",
            f"{c}written = {c}test.recording.snapshot()",
            f"{c}test.recording.restore({c}arrays)",
            *(f"{name} = {c}before.get({name!r}, _undefined_)" for name in names),
        ]
        end = [
            f"{c}test.recording.merge({c}test, {c}written)",
            *(f"{name} = _merge_({c}test, {c}after.get({name!r}, _undefined_), {name})" for name in names),
        ]
        varying = [*_parse(lines), *body, *_parse(middle), *orelse, *_parse(end)]
        return [begin, ast.If(_call("_is_varying_", ast.Name(f"{c}test", ast.Load())), varying, [plain])]

    def _returning_if(self, test: ast.expr, body: list[ast.stmt], rest: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite an ``if`` that returns, with what follows it as the other side: each becomes a function."""
        self._count += 1
        names = [f"_lane{self._count}_{side}" for side in ("then", "otherwise")]
        made = _parse([f"def {names[0]}(): pass", f"def {names[1]}(): pass"])
        for function, side in zip(made, (body, rest), strict=True):
            assert isinstance(function, ast.FunctionDef)
            function.body = self.block(side) or function.body
        call = _call("_returned_", self.visit(test), *(ast.Name(name, ast.Load()) for name in names))
        return [*made, ast.Return(call)]


def _parse(lines: list[str]) -> list[ast.stmt]:
    return ast.parse("\n".join(lines)).body


class _Scope(dict[str, Any]):
    """The globals of a rewritten function: the functions that it calls are rewritten, too, when it calls them."""

    def __init__(self, original: dict[str, Any], rewritten: dict[Function, Function]) -> None:
        super().__init__({"__builtins__": builtins})
        self._original, self._rewritten = original, rewritten

    def __missing__(self, name: str) -> Any:
        if name in self._original:
            found = self._original[name]
        elif name in _SUPPORT:
            found = _SUPPORT[name]
        else:
            raise KeyError(name)
        if isinstance(found, python_types.ModuleType):
            found = MODULES.get(found.__name__, found)
        elif isinstance(found, python_types.FunctionType) and name not in _SUPPORT:
            found = rewrite(found, self._rewritten)
        self[name] = found
        return found


def rewrite(function: Function, rewritten: dict[Function, Function]) -> Function:
    """Return a function, rewritten so that symbols pass through it.

    Parameters
    ----------
    function
        A kernel or a helper, a function of a module.
    rewritten
        What was rewritten before.

    Raises
    ------
    UntraceableError
        If its source is not known, or if it uses variables of a function around it.
    """
    found = rewritten.get(function)
    if found is not None:
        return found
    if not isinstance(function, python_types.FunctionType) or function.__closure__:
        raise UntraceableError("no function of a module")
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError) as error:
        raise UntraceableError("no source") from error
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise UntraceableError("no definition of a function")
    _Rewriter().visit(definition)
    code = compile(ast.fix_missing_locations(tree), inspect.getfile(function), "exec")
    scope = _Scope(function.__globals__, rewritten)
    local: dict[str, Any] = {}
    exec(code, scope, local)
    made = local[definition.name]
    made.__defaults__, made.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    rewritten[function] = made
    return made  # type: ignore[no-any-return]
