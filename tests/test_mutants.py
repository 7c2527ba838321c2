"""The list of mutants fits the package as it is, and the command tells survivors from those that are noticed."""

import ast
import importlib.util
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "mosaicreid"


def load_command():
    spec = importlib.util.spec_from_file_location("mutants_run", TESTS / "mutants" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


command = load_command()
MUTANTS = command.read_mutants(TESTS / "mutants")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.name}")
def test_a_mutant_is_one_change_that_can_be_run(mutant):
    text = (PACKAGE / mutant.file).read_text()
    assert text.count(mutant.old) == 1
    changed = mutant.applied(text)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert not name or f"\ndef {name}(" in (TESTS / file).read_text()
        assert (TESTS / file).is_file()


def test_every_mutant_has_its_own_name():
    assert len({(mutant.file, mutant.name) for mutant in MUTANTS}) == len(MUTANTS)


def test_a_text_that_has_gone_is_an_error():
    mutant = command.Mutant(name="gone", file="a.py", old="x = 1", new="x = 2", tests=())
    assert mutant.applied("x = 1\n") == "x = 2\n"
    for text in ("y = 1\n", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match=r"a\.py: the text of 'gone' occurs"):
            mutant.applied(text)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A package of one function, and tests that look at one of its two branches."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "mosaicreid").mkdir()
    (tmp_path / "mosaicreid" / "__init__.py").write_text("")
    (tmp_path / "mosaicreid" / "sign.py").write_text("def sign(x):\n    return 1 if x > 0 else -1\n")
    (tmp_path / "tests").mkdir()
    text = "from mosaicreid.sign import sign\n\n\ndef test_positive():\n    assert sign(2) == 1\n"
    (tmp_path / "tests" / "test_sign.py").write_text(text)
    return tmp_path


def sign(name, old, new, tests=("test_sign.py",)):
    return command.Mutant(name=name, file="sign.py", old=old, new=new, tests=tests)


def test_survivors_are_told_from_those_that_are_noticed(root, capsys):
    before = (root / "mosaicreid" / "sign.py").read_text()
    survivors = command.run(root, [sign("noticed", "return 1", "return 3"), sign("survives", "-1", "-2")])
    assert [mutant.name for mutant in survivors] == ["survives"]
    said = capsys.readouterr().out
    assert "noticed   sign.py: noticed" in said
    assert "SURVIVED  sign.py: survives" in said
    assert (root / "mosaicreid" / "sign.py").read_text() == before


def test_nothing_is_said_where_tests_fail_by_themselves_or_cannot_run(root):
    with pytest.raises(RuntimeError, match="pytest's exit code 4"):
        command.run(root, [sign("nowhere", "-1", "-2", ("test_none.py",))])
    with pytest.raises(RuntimeError, match="cannot run the tests of 'broken'"):
        command.run(root, [sign("broken", "def sign", "def other")])
    (root / "tests" / "test_sign.py").write_text("def test_wrong():\n    assert False\n")
    with pytest.raises(RuntimeError, match=r"do not pass without a mutant .*FAILED tests/test_sign.py::test_wrong"):
        command.run(root, [sign("any", "-1", "-2")])


@pytest.mark.parametrize(("number", "surviving", "status"), [(20, 0, 0), (20, 1, 0), (20, 2, 1), (1, 1, 1)])
def test_one_in_twenty_may_survive(monkeypatch, capsys, number, surviving, status):
    monkeypatch.setattr(command, "read_mutants", lambda folder: [sign(f"{k}", "-1", "-2") for k in range(number)])
    monkeypatch.setattr(command, "run", lambda root, mutants: mutants[:surviving])
    assert command.main([]) == status
    assert f"{number - surviving} of {number} mutants noticed" in capsys.readouterr().out


def test_words_choose_by_file_and_name(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(command, "run", lambda root, mutants: asked.extend(mutants) or [])
    assert command.main(["rerank", "Bonferroni"]) == 0
    assert {mutant.file for mutant in asked} == {"retrieval/rerank.py", "statistics/caveats.py"}
    assert command.main(["no such word"]) == 1
    assert "mutants has no such word" in capsys.readouterr().out
