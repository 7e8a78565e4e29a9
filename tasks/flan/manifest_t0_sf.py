"""T0-SF: the 193 subtasks of P3 that Flan 2022 took over and Flan 2021 did not have.

Facts from google-research/FLAN (`flan/v2/constants_t0.py`, `flan_collection_info.csv`): the data
set and its configuration as Hugging Face names them, the schema of its records, the category and
the licence where known; then each subtask's name and number of examples, rounded down to tens.
Subtasks that score one choice at a time (`_score_eval`) are left out, as they are there.
"""

# ruff: noqa: E501

TABLE = """
adversarial_qa/dbert | t0_question_answer | Adversarial QA | CC BY-SA 4.0
  adversarial_qa_dbert_answer_the_following_q 10000
  adversarial_qa_dbert_based_on 10000
  adversarial_qa_dbert_question_context_answer 10000
  adversarial_qa_dbert_tell_what_it_is 10000
adversarial_qa/dbert | t0_question_answer | Question Generation | CC BY-SA 4.0
  adversarial_qa_dbert_generate_question 10000
adversarial_qa/dbidaf | t0_question_answer | Adversarial QA | CC BY-SA 4.0
  adversarial_qa_dbidaf_answer_the_following_q 10000
  adversarial_qa_dbidaf_based_on 10000
  adversarial_qa_dbidaf_question_context_answer 10000
  adversarial_qa_dbidaf_tell_what_it_is 10000
adversarial_qa/dbidaf | t0_question_answer | Question Generation | CC BY-SA 4.0
  adversarial_qa_dbidaf_generate_question 10000
adversarial_qa/droberta | t0_question_answer | Adversarial QA | CC BY-SA 4.0
  adversarial_qa_droberta_answer_the_following_q 10000
  adversarial_qa_droberta_based_on 10000
  adversarial_qa_droberta_question_context_answer 10000
  adversarial_qa_droberta_tell_what_it_is 10000
adversarial_qa/droberta | t0_question_answer | Question Generation | CC BY-SA 4.0
  adversarial_qa_droberta_generate_question 10000
amazon_polarity | t0_separated_options | Sentiment Analysis |
  amazon_polarity_Is_this_product_review_positive 3600000
  amazon_polarity_Is_this_review_negative 3600000
  amazon_polarity_User_recommend_this_product 3600000
amazon_polarity | t0_multiple_choice | Sentiment Analysis |
  amazon_polarity_Is_this_review 3600000
  amazon_polarity_convey_negative_or_positive_sentiment 3600000
  amazon_polarity_flattering_or_not 3600000
  amazon_polarity_negative_or_positive_tone 3600000
  amazon_polarity_user_satisfied 3600000
  amazon_polarity_would_you_buy 3600000
app_reviews | t0_multiple_choice | Sentiment Analysis |
  app_reviews_categorize_rating_using_review 288060
  app_reviews_convert_to_star_rating 288060
app_reviews | t0_question_answer | Sentiment Analysis |
  app_reviews_convert_to_rating 288060
app_reviews | t0_question_answer | Context Generation |
  app_reviews_generate_review 288060
cos_e/v1.11 | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) | BSD-3-Clause
  cos_e_v1.11_aligned_with_common_sense 9740
  cos_e_v1.11_explain_why_human 9740
  cos_e_v1.11_i_think 9740
  cos_e_v1.11_rationale 9740
cos_e/v1.11 | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | BSD-3-Clause
  cos_e_v1.11_description_question_option_id 9740
  cos_e_v1.11_description_question_option_text 9740
  cos_e_v1.11_question_description_option_id 9740
  cos_e_v1.11_question_description_option_text 9740
  cos_e_v1.11_question_option_description_id 9740
  cos_e_v1.11_question_option_description_text 9740
cos_e/v1.11 | t0_question_answer | Explanation Generation | BSD-3-Clause
  cos_e_v1.11_generate_explanation_given_text 9740
dbpedia_14 | t0_multiple_choice | Topic Classification | CC BY-SA 3.0
  dbpedia_14_given_a_choice_of_categories_ 560000
  dbpedia_14_given_a_list_of_category_what_does_the_title_belong_to 560000
  dbpedia_14_given_list_what_category_does_the_paragraph_belong_to 560000
  dbpedia_14_pick_one_category_for_the_following_text 560000
dream | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) |
  dream_answer_to_dialogue 6110
dream | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) |
  dream_baseline 6110
  dream_read_the_following_conversation_and_answer_the_question 6110
dream | t0_question_answer | Dialog Turn Prediction |
  dream_generate_first_utterance 6110
  dream_generate_last_utterance 6110
duorc/ParaphraseRC | t0_question_answer | Extractive QA | MIT
  duorc_ParaphraseRC_answer_question 69520
  duorc_ParaphraseRC_build_story_around_qa 58750
  duorc_ParaphraseRC_decide_worth_it 69520
  duorc_ParaphraseRC_extract_answer 69520
  duorc_ParaphraseRC_generate_question_by_answer 58750
  duorc_ParaphraseRC_movie_director 69520
  duorc_ParaphraseRC_question_answering 69520
duorc/ParaphraseRC | t0_question_answer | Question Generation | MIT
  duorc_ParaphraseRC_generate_question 58750
duorc/ParaphraseRC | t0_question_answer | Title Generation | MIT
  duorc_ParaphraseRC_title_generation 69520
duorc/SelfRC | t0_question_answer | Extractive QA | MIT
  duorc_SelfRC_answer_question 60720
  duorc_SelfRC_build_story_around_qa 60090
  duorc_SelfRC_decide_worth_it 60720
  duorc_SelfRC_extract_answer 60720
  duorc_SelfRC_generate_question_by_answer 60090
  duorc_SelfRC_movie_director 60720
  duorc_SelfRC_question_answering 60720
duorc/SelfRC | t0_question_answer | Question Generation | MIT
  duorc_SelfRC_generate_question 60090
duorc/SelfRC | t0_question_answer | Title Generation | MIT
  duorc_SelfRC_title_generation 60720
kilt_tasks/hotpotqa | t0_question_answer | Closed-Book QA | MIT
  kilt_tasks_hotpotqa_combining_facts 88860
  kilt_tasks_hotpotqa_complex_question 88860
  kilt_tasks_hotpotqa_final_exam 88860
  kilt_tasks_hotpotqa_formulate 88860
  kilt_tasks_hotpotqa_straighforward_qa 88860
qasc | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) | CC BY 4.0
  qasc_is_correct_1 8130
  qasc_is_correct_2 8130
  qasc_qa_with_separated_facts_3 8130
  qasc_qa_with_separated_facts_5 8130
qasc | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY 4.0
  qasc_qa_with_combined_facts_1 8130
  qasc_qa_with_separated_facts_1 8130
  qasc_qa_with_separated_facts_2 8130
  qasc_qa_with_separated_facts_4 8130
quail | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY-NC-SA 4.0
  quail_context_description_question_answer_id 10240
  quail_context_description_question_answer_text 10240
  quail_context_question_answer_description_id 10240
  quail_context_question_answer_description_text 10240
  quail_context_question_description_answer_id 10240
  quail_context_question_description_answer_text 10240
  quail_description_context_question_answer_id 10240
  quail_description_context_question_answer_text 10240
  quail_no_prompt_id 10240
  quail_no_prompt_text 10240
quail | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) | CC BY-NC-SA 4.0
  quail_context_description_question_text 10240
  quail_context_question_description_text 10240
  quail_description_context_question_text 10240
quarel | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY 4.0
  quarel_choose_between 1940
  quarel_do_not_use 1940
  quarel_heres_a_story 1940
  quarel_logic_test 1940
  quarel_testing_students 1940
quartz | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY 4.0
  quartz_answer_question_based_on 2690
  quartz_answer_question_below 2690
  quartz_given_the_fact_answer_the_q 2690
  quartz_having_read_above_passage 2690
  quartz_paragraph_question_plain_concat 2690
  quartz_read_passage_below_choose 2690
  quartz_use_info_from_paragraph_question 2690
  quartz_use_info_from_question_paragraph 2690
quoref | t0_question_answer | Extractive QA | CC BY 4.0
  quoref_Answer_Friend_Question 19390
  quoref_Answer_Question_Given_Context 19390
  quoref_Answer_Test 19390
  quoref_Context_Contains_Answer 19390
  quoref_Find_Answer 19390
  quoref_Found_Context_Online 19390
  quoref_Given_Context_Answer_Question 19390
  quoref_Guess_Answer 19390
  quoref_Guess_Title_For_Context 19390
  quoref_Read_And_Extract_ 19390
  quoref_What_Is_The_Answer 19390
race/high | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) |
  race_high_Is_this_the_right_answer 62440
  race_high_Select_the_best_answer 62440
  race_high_Select_the_best_answer_generate_span_ 62440
  race_high_Taking_a_test 62440
race/high | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) |
  race_high_Read_the_article_and_answer_the_question_no_option_ 62440
race/high | t0_multiple_choice | Span Generation |
  race_high_Select_the_best_answer_no_instructions_ 62440
race/high | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) |
  race_high_Write_a_multi_choice_question_for_the_following_article 62440
  race_high_Write_a_multi_choice_question_options_given_ 62440
race/middle | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) |
  race_middle_Is_this_the_right_answer 25420
  race_middle_Select_the_best_answer 25420
  race_middle_Select_the_best_answer_no_instructions_ 25420
  race_middle_Taking_a_test 25420
race/middle | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) |
  race_middle_Read_the_article_and_answer_the_question_no_option_ 25420
race/middle | t0_multiple_choice | Span Generation |
  race_middle_Select_the_best_answer_generate_span_ 25420
race/middle | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) |
  race_middle_Write_a_multi_choice_question_for_the_following_article 25420
  race_middle_Write_a_multi_choice_question_options_given_ 25420
ropes | t0_question_answer | Extractive QA | CC BY 4.0
  ropes_background_new_situation_answer 10920
  ropes_background_situation_middle 10920
  ropes_given_background_situation 10920
  ropes_new_situation_background_answer 10920
  ropes_plain_background_situation 10920
  ropes_plain_bottom_hint 10920
  ropes_plain_no_background 10920
  ropes_prompt_beginning 10920
  ropes_prompt_bottom_hint_beginning 10920
  ropes_prompt_bottom_no_hint 10920
  ropes_prompt_mix 10920
  ropes_read_background_situation 10920
sciq | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) | CC BY-NC 3.0
  sciq_Direct_Question 11670
  sciq_Direct_Question_Closed_Book_ 11670
sciq | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY-NC 3.0
  sciq_Multiple_Choice 11670
  sciq_Multiple_Choice_Closed_Book_ 11670
  sciq_Multiple_Choice_Question_First 11670
social_i_qa | t0_separated_options | Multiple-Choice QA (no trivia knowledge required) |
  social_i_qa_Check_if_a_random_answer_is_valid_or_not 33410
  social_i_qa_Generate_answer 33410
  social_i_qa_I_was_wondering 33410
social_i_qa | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) |
  social_i_qa_Generate_the_question_from_the_answer 33410
social_i_qa | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) |
  social_i_qa_Show_choices_and_generate_answer 33410
  social_i_qa_Show_choices_and_generate_index 33410
web_questions | t0_question_answer | Closed-Book QA |
  web_questions_get_the_answer 3770
  web_questions_potential_correct_answer 3770
  web_questions_question_answer 3770
  web_questions_short_general_knowledge_q 3770
  web_questions_whats_the_answer 3770
wiki_bio | t0_question_answer | Structured Data to Text | CC BY-SA 3.0
  wiki_bio_comprehension 582630
  wiki_bio_guess_person 582630
  wiki_bio_key_content 582630
  wiki_bio_what_content 582630
  wiki_bio_who 582630
wiki_hop/original | t0_multiple_choice | Multiple-Choice QA (no trivia knowledge required) | CC BY-SA 3.0
  wiki_hop_original_choose_best_object_affirmative_1 43730
  wiki_hop_original_choose_best_object_affirmative_2 43730
  wiki_hop_original_choose_best_object_affirmative_3 43730
  wiki_hop_original_choose_best_object_interrogative_1 43730
  wiki_hop_original_choose_best_object_interrogative_2 43730
wiki_hop/original | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) | CC BY-SA 3.0
  wiki_hop_original_explain_relation 43730
  wiki_hop_original_generate_object 43730
  wiki_hop_original_generate_subject 43730
  wiki_hop_original_generate_subject_and_object 43730
wiki_qa | t0_multiple_choice | Closed-Book QA |
  wiki_qa_Decide_good_answer 20360
  wiki_qa_exercise 20360
  wiki_qa_found_on_google 20360
wiki_qa | t0_question_answer | Closed-Book QA |
  wiki_qa_Direct_Answer_to_Question 1040
  wiki_qa_Jeopardy_style 1040
  wiki_qa_Topic_Prediction_Answer_Only 1040
  wiki_qa_Topic_Prediction_Question_Only 1040
  wiki_qa_Topic_Prediction_Question_and_Answer_Pair 1040
wiki_qa | t0_question_answer | Question Generation |
  wiki_qa_Generate_Question_from_Topic 1040
wiki_qa | t0_separated_options | Closed-Book QA |
  wiki_qa_Is_This_True_ 20360
  wiki_qa_automatic_system 20360
wiqa | t0_question_answer | Multiple-Choice QA (no trivia knowledge required) |
  wiqa_does_the_supposed_perturbation_have_an_effect 29800
  wiqa_effect_with_label_answer 29800
  wiqa_effect_with_string_answer 29800
  wiqa_what_is_the_final_step_of_the_following_process 29800
  wiqa_what_is_the_missing_first_step 29800
  wiqa_what_might_be_the_first_step_of_the_process 29800
  wiqa_what_might_be_the_last_step_of_the_process 29800
  wiqa_which_of_the_following_is_the_supposed_perturbation 29800
"""
