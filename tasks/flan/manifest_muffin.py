"""Muffin: the 80 tasks that Flan 2022 counts as Flan 2021 with dialogue and program synthesis.

Facts from google-research/FLAN (`flan/v2/flan_collection_info.csv`, `constants.py`, and the names
in `task_configs*.py`): every data set of its csv under FLAN, FLAN/T0, Dialog and Program Synthesis,
once for the straight and the inverted form (160 / 2 = 80). A line is

    name | schema | data set | category | TFDS | Hugging Face | number | languages | licence

with `-` for what is unknown. TFDS and Hugging Face names are `name/config`; a task with neither is
read from local files only, for the public code does not hold it. Numbers are rounded down to tens.
"""

# ruff: noqa: E501

TABLE = """
ag_news_subset | topic | ag_news | Topic Classification | ag_news_subset | ag_news | 119800 | English | -
anli_r1 | nli | anli | Natural Language Inference | anli/r1 | anli | 16940 | English | CC BY-NC 4.0
anli_r2 | nli | anli | Natural Language Inference | anli/r2 | anli | 45460 | English | CC BY-NC 4.0
anli_r3 | nli | anli | Natural Language Inference | anli/r3 | anli | 100450 | English | CC BY-NC 4.0
arc_challenge | multiple_choice | arc | Closed-Book QA | ai2_arc/ARC-Challenge | ai2_arc/ARC-Challenge | 910 | English | CC BY-SA 4.0
arc_easy | multiple_choice | arc | Closed-Book QA | ai2_arc/ARC-Easy | ai2_arc/ARC-Easy | 2040 | English | CC BY-SA 4.0
aeslc | email_subject | aeslc | Summarization | aeslc | aeslc | 14430 | English | -
bool_q | boolean_reading | bool_q | Multiple-Choice QA (no trivia knowledge required) | bool_q | boolq | 9220 | English | CC BY-SA 3.0
cb | nli | cb | Natural Language Inference | super_glue/cb | super_glue/cb | 200 | English | -
cnn_dailymail | news_summary | cnn_dailymail | Summarization | cnn_dailymail | cnn_dailymail/3.0.0 | 287040 | English | Apache-2.0
cola | acceptability | cola | Grammatical Acceptability | glue/cola | glue/cola | 8350 | English | -
common_gen | concepts_to_text | common_gen | Structured Data to Text | gem/common_gen | common_gen | 67180 | English | MIT
copa | cause_effect | copa | Next Sentence Prediction | super_glue/copa | super_glue/copa | 350 | English | BSD-2-Clause
coqa | numbered_reading | coqa | Multiple-Choice QA (no trivia knowledge required) | coqa | coqa | 7090 | English | -
cosmos_qa | passage_choice | cosmos_qa | Multiple-Choice QA (no trivia knowledge required) | cosmos_qa | cosmos_qa | 25060 | English | CC BY 4.0
dart | triples_to_text | dart | Structured Data to Text | gem/dart | gem/dart | 62450 | English | MIT
definite_pronoun_resolution | pronoun | definite_pronoun_resolution | Coreference Resolution | definite_pronoun_resolution | definite_pronoun_resolution | 1120 | English | -
drop | reading | drop | Mathematical QA | drop | drop | 77200 | English | CC BY-SA 4.0
e2e_nlg | attributes_to_text | e2e_nlg | Structured Data to Text | gem/e2e_nlg | gem/e2e_nlg | 33320 | English | CC BY-SA 4.0
fix_punct | punctuation | para_crawl_enda | Punctuation Fixing | para_crawl/enda | para_crawl/enda | 28070 | English | CC0
gigaword | headline | gigaword | Summarization | gigaword | gigaword | 2044370 | English | -
glue_mrpc | paraphrase | mrpc | Paraphrasing Identification | glue/mrpc | glue/mrpc | 3460 | English | -
glue_qqp | duplicate_questions | qqp | Paraphrasing Identification | glue/qqp | glue/qqp | 363640 | English | -
hellaswag | continuation | hellaswag | Next Sentence Prediction | hellaswag | hellaswag | 39700 | English | MIT
imdb_reviews | movie_sentiment | imdb_reviews | Sentiment Analysis | imdb_reviews/plain_text | imdb | 24800 | English | -
lambada | last_word | lambada | Language Modeling | lambada | lambada | 4860 | English | CC BY 4.0
math_dataset | maths | math_dataset | Mathematical QA | math_dataset/algebra__linear_1d | math_dataset/algebra__linear_1d | 1999780 | English | Apache-2.0
mnli_matched | nli | mnli | Natural Language Inference | glue/mnli | glue/mnli | 392500 | English | -
mnli_mismatched | nli | mnli | Natural Language Inference | glue/mnli | glue/mnli | 392500 | English | -
multi_news | news_summary | multi_news | Summarization | multi_news | multi_news | 44960 | English | -
multirc | answer_check | multirc | Multiple-Choice QA (no trivia knowledge required) | super_glue/multirc | super_glue/multirc | 27040 | English | -
natural_questions | closed_book | natural_questions | Closed-Book QA | natural_questions_open | nq_open | 87720 | English | CC BY-SA 3.0
newsroom | news_summary | newsroom | Summarization | newsroom | newsroom | 994560 | English | -
openbookqa | fact_choice | openbookqa | Multiple-Choice QA (no trivia knowledge required) | openbookqa | openbookqa/additional | 4950 | English | -
opinion_abstracts_idebate | argument_summary | opinion_abstracts | Summarization | opinion_abstracts/idebate | - | 1650 | English | -
opinion_abstracts_rotten_tomatoes | review_consensus | opinion_abstracts | Summarization | opinion_abstracts/rotten_tomatoes | - | 3130 | English | -
para_crawl_enes | translation | para_crawl_enes | Translation | para_crawl/enes | para_crawl/enes | 30000 | English, Spanish | CC0
paws_wiki | paraphrase | paws_wiki | Paraphrasing Identification | paws_wiki | paws/labeled_final | 49400 | English | -
piqa | goal_solution | piqa | Multiple-Choice QA (no trivia knowledge required) | piqa | piqa | 16010 | English | -
qnli | answerability | qnli | Multiple-Choice QA (no trivia knowledge required) | glue/qnli | glue/qnli | 104540 | English | -
quac | topic_reading | quac | Multiple-Choice QA (no trivia knowledge required) | quac | quac | 83360 | English | CC BY-SA 4.0
record | cloze_reading | record | Extractive QA | super_glue/record | super_glue/record | 100520 | English | -
rte | nli | rte | Natural Language Inference | super_glue/rte | super_glue/rte | 2290 | English | -
samsum | dialogue_summary | samsum | Summarization | samsum | samsum | 14730 | English | CC BY-NC-ND 4.0
sentiment140 | sentiment | sentiment140 | Sentiment Analysis | sentiment140 | sentiment140 | 1599800 | English | -
snli | nli | snli | Natural Language Inference | snli | snli | 549360 | English | CC BY-SA 4.0
squad_v1 | topic_reading | squad | Extractive QA | squad/v1.1 | squad | 87390 | English | CC BY-SA 4.0
squad_v2 | reading_or_unanswerable | squad | Extractive QA | squad/v2.0 | squad_v2 | 130110 | English | CC BY-SA 4.0
sst2 | movie_sentiment | sst2 | Sentiment Analysis | glue/sst2 | glue/sst2 | 67140 | English | -
story_cloze | story_ending | story_cloze | Next Sentence Prediction | story_cloze/2016 | story_cloze/2016 | 1670 | English | -
stsb | similarity | stsb | Sentiment Analysis | glue/stsb | glue/stsb | 5640 | English | -
trec | question_type | trec | Topic Classification | trec | trec | 5250 | English | -
trivia_qa | closed_book | trivia_qa | Extractive QA | trivia_qa/rc | trivia_qa/rc | 87420 | English | -
trivia_qa_wiki_missing | reading | trivia_qa | Extractive QA | - | - | - | English | -
true_case | true_case | para_crawl_enda | Casing Selection | para_crawl/enda | para_crawl/enda | 29260 | English | CC0
unified_qa_science_inst | multiple_choice | unified_qa | Question Answering | unified_qa/ai2_science_middle | - | 590 | English | -
web_nlg_en | triples_to_text | web_nlg | Structured Data to Text | gem/web_nlg_en | gem/web_nlg_en | 35220 | English | CC BY-NC-SA 4.0
wic | word_sense | wic | Word Sense Disambiguation | super_glue/wic | super_glue/wic | 5220 | English | CC BY-NC 4.0
wiki_lingua_english_en | how_to_summary | wiki_lingua | Summarization | gem/wiki_lingua_english_en | gem/wiki_lingua_english_en | 99000 | English | CC BY-NC-SA 3.0
winogrande | blank | winogrande | Coreference Resolution | winogrande | winogrande/winogrande_xl | 40190 | English | -
wmt14_enfr | translation | wmt14 | Translation | wmt14_translate/fr-en | wmt14/fr-en | 40835840 | English, French | -
wmt16_translate_csen | translation | wmt16 | Translation | wmt16_translate/cs-en | wmt16/cs-en | 52335360 | English, Czech | -
wmt16_translate_deen | translation | wmt16 | Translation | wmt16_translate/de-en | wmt16/de-en | 4548800 | English, German | -
wmt16_translate_fien | translation | wmt16 | Translation | wmt16_translate/fi-en | wmt16/fi-en | 2073360 | English, Finnish | -
wmt16_translate_roen | translation | wmt16 | Translation | wmt16_translate/ro-en | wmt16/ro-en | 610320 | English, Romanian | -
wmt16_translate_ruen | translation | wmt16 | Translation | wmt16_translate/ru-en | wmt16/ru-en | 2516160 | English, Russian | -
wmt16_translate_tren | translation | wmt16 | Translation | wmt16_translate/tr-en | wmt16/tr-en | 205750 | English, Turkish | -
wnli | nli | wnli | Coreference Resolution | glue/wnli | glue/wnli | 600 | English | -
word_segment | word_segmentation | para_crawl_enda | Word Segmentation | para_crawl/enda | para_crawl/enda | 30000 | English | CC0
wsc | pronoun_check | wsc | Coreference Resolution | super_glue/wsc.fixed | super_glue/wsc.fixed | 500 | English | -
xsum | one_sentence_summary | xsum | Summarization | xsum | xsum | 203560 | English | -
yelp_polarity_reviews | customer_sentiment | yelp_polarity_reviews | Sentiment Analysis | yelp_polarity_reviews | yelp_polarity | 559800 | English | -
qrecc | dialogue_answer | qrecc | Conversational Question Answering | q_re_cc | - | 10170 | English | CC BY-SA 3.0
task_master | dialogue_turn | task_master | Dialog Next Turn Prediction | - | - | - | English | CC BY 4.0
wiki_dialog | dialogue_answer | wiki_dialog | Conversational Question Answering | wiki_dialog | - | 11264000 | English | -
dmcc_python | program | dmcc | Code Generation | - | - | - | English, Python | -
dr_repair_error_comments | reported_program_repair | dr_repair | Code Repair | - | - | - | C++ | -
dr_repair_line_numbers | numbered_program_repair | dr_repair | Code Repair | - | - | - | C++ | -
dr_repair_no_errors | program_repair | dr_repair | Code Repair | - | - | - | C++ | -
dr_repair_plain_code | program_repair | dr_repair | Code Repair | - | - | - | C++ | -
"""
