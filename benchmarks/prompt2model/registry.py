"""Each student's examples as a Task, and the text of their vocabulary; under the study's folder."""

from benchmarks.prompt2model.arms import student_arms
from t5lite.synthetic_data.prompt2model.generated_dataset import GENERATED_FILE
from tasks.files import add_file_task
from tasks.metrics import exact_match

for folder in ("text", *(arm.name for arm in student_arms())):
    add_file_task(
        f"made_{folder}",
        files={"train": f"{folder}/{GENERATED_FILE}", "test": f"{folder}/test.jsonl"},
        inputs="input",
        targets="output",
        metrics=(exact_match,),
    )
