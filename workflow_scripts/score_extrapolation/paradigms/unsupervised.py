"""Labels that nobody gave: those that linear models on frozen networks learn best, found with the models (TURTLE).

Gadetsky, Jiang and Brbic, Let go of your labels with unsupervised transfer, ICML 2024. What is trained is no network on
images but two linear maps on embeddings.
"""

from pydantic import Field, model_validator

from ..plugins import Section

ENGINE = "turtle"


class Options(Section):
    """How the labels are searched for."""

    classes: int | None = Field(
        None, ge=2, description="of the labels that are searched for; null: as the data set has"
    )
    spaces: list[str] = Field(["pretrained"], min_length=1, description="names of frozen networks")
    inner_steps: int = Field(10, ge=1, description="steps of the linear models for each step of the labels")
    inner_learning_rate: float = Field(1e-3, gt=0, description="of the linear models, per step")
    entropy_weight: float = Field(
        10.0, ge=0, description="of the entropy of the classes' sizes, which keeps all in use"
    )

    @model_validator(mode="after")
    def _spaces_differ(self):
        if len(set(self.spaces)) < len(self.spaces):
            raise ValueError("names one of spaces twice; give each once")
        return self
