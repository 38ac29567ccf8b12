"""What a preparation does to the rows: all that decides the bytes of the prepared files."""

from __future__ import annotations

from pydantic import Field, field_serializer, model_validator

from swift_deepeyes.dataset.images import MIN_SIDE
from swift_deepeyes.frozen import FrozenModel
from swift_deepeyes.preparation.choices import (
    DROPPED_BY_DEFAULT,
    ChartPolicy,
    PromptColumn,
    RowIssue,
    UnknownColumns,
)
from swift_deepeyes.preparation.images import SizeLimits
from swift_deepeyes.prompt_style import PromptStyle
from swift_deepeyes.tools.family_prompt import PromptForm

CHART_SOURCE = "chart"
CHART_MAX_PIXELS = 4_014_080
"""5,120 image tokens of 28x28 pixels: with its text, such a row fits the method's prompt of 8,192
tokens even where `MAX_PIXELS` is not set, and it is twice the `MAX_PIXELS` of our scripts, so that
`DEEPEYES_CROP_SOURCE=original` still finds more detail than the model saw."""


class Recipe(FrozenModel):
    """One way of preparing. Sides and areas are in pixels; None: no limit.

    `prompt_form`: of the family whose words the prompts get, with `PromptStyle.FAMILY` only.
    """

    prompt_column: PromptColumn = PromptColumn.PROMPT
    prompt_style: PromptStyle = PromptStyle.PUBLISHED
    prompt_form: PromptForm | None = None
    chart: ChartPolicy = ChartPolicy.CAP
    min_side: int = Field(default=MIN_SIDE, ge=1)
    max_side: int | None = Field(default=None, ge=MIN_SIDE)
    max_pixels: int | None = Field(default=None, ge=MIN_SIDE**2)
    validation: float = Field(default=0.0, ge=0.0, le=0.5)
    unknown_columns: UnknownColumns = UnknownColumns.DROP
    dropped: frozenset[RowIssue] = DROPPED_BY_DEFAULT

    def limits(self, data_source: str) -> SizeLimits:
        """The sizes that images of this data source are brought into."""
        max_pixels = self.max_pixels
        is_unlimited = self.max_side is None and max_pixels is None
        if data_source == CHART_SOURCE:
            if self.chart is ChartPolicy.KEEP:
                return SizeLimits(self.min_side, None, None)
            if is_unlimited:
                max_pixels = CHART_MAX_PIXELS
        return SizeLimits(self.min_side, self.max_side, max_pixels)

    @model_validator(mode="after")
    def _has_form_of_family(self) -> Recipe:
        if (self.prompt_style is PromptStyle.FAMILY) is (self.prompt_form is None):
            raise ValueError("prompt_style family and prompt_form go together")
        return self

    @field_serializer("dropped")
    def _in_order(self, dropped: frozenset[RowIssue]) -> list[RowIssue]:
        """A set has another order in every process; the report must not."""
        return sorted(dropped)
