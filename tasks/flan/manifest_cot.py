"""Chain of thought: the nine sets that Flan 2022 trains on, with its numbers of examples.

Facts from google-research/FLAN (`flan/v2/cot_data`, `flan_collection_info.csv`). A line is

    name | schema | category | number | licence
"""

TABLE = """
aqua | cot_options | Algebraic Question Answering | 2728 | Apache-2.0
creak | cot | Common Sense Reasoning over Entity Knowledge | 6915 | MIT
ecqa | cot | Common Sense Reasoning Question Answering | 7112 | -
esnli | cot | Natural Language Inference | 36174 | MIT
gsm8k | cot | Grade School Math Word Problems | 7473 | MIT
qasc | cot_options | Question Answering | 1084 | CC BY 4.0
qed | cot | Passage-Based Question Answering / NLI | 5154 | CC BY-SA 3.0
sensemaking | cot | Sense Making and Explanation | 6070 | -
strategyqa | cot | Question Answering | 2061 | MIT
"""
