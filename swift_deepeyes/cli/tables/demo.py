"""The demo's results as tables for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from swift_deepeyes.demo.evaluation import Result
from swift_deepeyes.demo.figures import WINDOW, StepFigures, mean_of
from swift_deepeyes.demo.options import EVALUATION_QUESTIONS
from swift_deepeyes.demo.run import DemoResults

_STEPS = 5  # of the first and of the last


def show_results(console: Console, results: DemoResults) -> None:
    """Print the first and the last steps, the evaluations, and where everything is."""
    summary = results.summary
    console.print(_table(results.steps))
    console.print(_evaluation_table(results.evaluations))
    gain = summary.reward_last - summary.reward_first
    console.print(
        f"Mean reward of the last {WINDOW} steps {summary.reward_last:.2f}, of the first "
        f"{WINDOW} {summary.reward_first:.2f} ({gain:+.2f}), in {summary.seconds:.0f} s.",
        markup=False,
    )
    for what, path in results.files.items():
        console.print(f"  {what}: {path}", markup=False, soft_wrap=True)
    console.print("Data of your own, with the toy (questions.jsonl is an example to change):")
    for command in results.own_data:
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _table(steps: list[StepFigures]) -> Table:
    table = Table(title="GRPO, first and last steps")
    for column in ("step", "reward", "accuracy", "format", "with a crop", "turns"):
        table.add_column(column, justify="right")
    first, last = steps[:_STEPS], steps[_STEPS:][-_STEPS:]
    for step in first:
        table.add_row(str(step.step), *_cells([step]))
    table.add_section()
    for step in last:
        table.add_row(str(step.step), *_cells([step]))
    table.add_section()
    table.add_row(f"first {WINDOW}", *_cells(steps[:WINDOW]), style="bold")
    table.add_row(f"last {WINDOW}", *_cells(steps[-WINDOW:]), style="bold")
    return table


def _evaluation_table(evaluations: list[Result]) -> Table:
    table = Table(title=f"{EVALUATION_QUESTIONS} new scenes, greedy")
    for column in ("evaluation", "right", "95 % interval", "with a crop", "report"):
        table.add_column(column)
    for one in evaluations:
        interval = f"{one.low:.0%} to {one.high:.0%}"
        shares = f"{one.accuracy:.0%}", interval, f"{one.crop_share:.0%}"
        table.add_row(one.name, *shares, str(one.report))
    return table


def _cells(steps: list[StepFigures]) -> list[str]:
    return [
        f"{mean_of(steps, 'reward'):.2f}",
        f"{mean_of(steps, 'accuracy'):.2f}",
        f"{mean_of(steps, 'format'):.2f}",
        f"{mean_of(steps, 'crop_rate'):.0%}",
        f"{mean_of(steps, 'turns'):.2f}",
    ]
