"""Natural Instructions v2 as Flan 2022 counts it: 1,613 tasks, of which 57 are made from MMLU.

Facts from google-research/FLAN (`flan/v2/flan_collection_info.csv`, `constants_niv2.py`) and the
tasks' own files: data set, category and languages once for the tasks that share them, then each
task's file name, number of instances, and their licence where the file names one.
"""

# ruff: noqa: E501

TABLE = """
abductive_nli | Coherence Classification | English
  task069_abductivenli_classification 6500
  task070_abductivenli_incorrect_classification 6500
abductive_nli | Story Composition | English
  task067_abductivenli_answer_generation 6499
  task068_abductivenli_incorrect_answer_generation 6500
  task071_abductivenli_answer_generation 6500
  task072_abductivenli_answer_generation 6500
ade_corpus_v2 | Information Extraction | English
  task1451_drug_dose_extraction 222
ade_corpus_v2 | Named Entity Recognition | English
  task1447_drug_extraction_ade 2718
ade_corpus_v2 | Text Categorization | English
  task1495_adverse_drug_event_classification 1998
adversarial_qa | Question Answering | English
  task1295_adversarial_qa_question_answering 6494
adverserial_qa | Answerability Classification | English
  task1640_aqa1.0_answerable_unanswerable_question_classification 2648
afs | Text Matching | English
  task145_afs_argument_similarity_death_penalty 2000
  task146_afs_argument_similarity_gun_control 2000
  task147_afs_argument_similarity_gay_marriage 1533
  task148_afs_argument_quality_gay_marriage 1261
  task149_afs_argument_quality_death_penalty 1865
  task150_afs_argument_quality_gun_control 2136
ag_news | Text Categorization | English
  task379_agnews_topic_classification 6497
  task1541_agnews_classification 3999
ai2_arithmetic_questions | Question Answering | English
  task745_ai2_arithmetic_questions_arithmetic 378
air_dialogue | Dialogue Generation | English
  task574_air_dialogue_sentence_generation 6500
air_dialogue | Intent Identification | English
  task573_air_dialogue_classification 2635
air_dialogue | Speaker Identification | English
  task575_air_dialogue_classification 3954
ajgt_twitter_ar | Sentiment Analysis | English, Arabic
  task1414_ajgt_twitter_ar_classification 1794
allegro_reviews | Sentiment Analysis | Polish, English
  task634_allegro_reviews_classification 1523
  task635_allegro_reviews_answer_generation 2409
allocine | Sentiment Analysis | French, English
  task1591_allocine_classification 1996
amazon_and_yelp_summarization_dataset | Summarization | English
  task672_amazon_and_yelp_summarization_dataset_summarization 159 MIT
amazon_fine_food_reviews | Sentiment Analysis | English
  task586_amazonfood_polarity_classification 6500
  task587_amazonfood_polarity_correction_classification 6370
  task588_amazonfood_rating_classification 6499
amazon_fine_food_reviews | Summarization | English
  task589_amazonfood_summary_text_generation 6499 CC0: Public Domain
amazon_fine_food_reviews | Text Matching | English
  task590_amazonfood_summary_correction_classification 6392
amazon_polarity | Sentiment Analysis | English
  task493_review_polarity_classification 6499
  task494_review_polarity_answer_generation 5016
amazon_us_reviews | Sentiment Analysis | English
  task1343_amazon_us_reviews_rating 6499
amazon_us_reviews | Title Generation | English
  task1342_amazon_us_reviews_title 6217
ambigqa | Question Answering | English
  task669_ambigqa_answer_generation 5287
ambigqa | Question Rewriting | English
  task670_ambigqa_question_generation 4749
  task671_ambigqa_text_generation 4749
ancora_ca_ner | Fill in The Blank | English, Catalan
  task962_ancora-ca-ner_missing_word_prediction 150
ancora_ca_ner | Named Entity Recognition | English, Catalan
  task960_ancora-ca-ner_named_entity_recognition 146
ancora_ca_ner | Text Completion | English, Catalan
  task961_ancora-ca-ner_text_auto_completion 148
anem | Named Entity Recognition | English
  task1485_organ_extraction_anem_dataset 140
  task1486_cell_extraction_anem_dataset 123
  task1487_organism_substance_extraction_anem_dataset 105
anli | Textual Entailment | English
  task1385_anli_r1_entailment 990
  task1386_anli_r2_entailment 993
  task1387_anli_r3_entailment 1193
app_reviews | Sentiment Analysis | English
  task761_app_review_classification 297
aqua | Question Answering | English
  task750_aqua_multiple_choice_answering 6500
aquamuse | Answerability Classification | English
  task520_aquamuse_answer_given_in_passage 1000
aquamuse | Question Generation | English
  task519_aquamuse_question_generation 957
arc | Question Answering | English
  task228_arc_answer_generation_easy 5193
  task229_arc_answer_generation_hard 2589
argkp | Text Matching | English
  task1285_kpa_keypoint_matching 6500
asian_language_treebank | Language Identification | Central Khmer, Chinese, English, Lao, Filipino, Hindi, Japanese, Burmese, Thai, Malay, Indonesian, Bengali, Vietnamese
  task562_alt_language_identification 546
asian_language_treebank | Text Matching | English, Hindi
  task434_alt_en_hi_answer_generation 6477
asian_language_treebank | Text Matching | Japanese, Central Khmer, English
  task1123_alt_ja_khm_answer_generation 6479
asian_language_treebank | Text Matching | Japanese, English
  task437_alt_en_ja_answer_generation 6478
asian_language_treebank | Text Matching | Japanese, English, Filipino
  task1120_alt_ja_fil_answer_generation 6478
asian_language_treebank | Text Matching | Japanese, English, Lao
  task1126_alt_ja_lo_answer_generation 6478
asian_language_treebank | Text Matching | Japanese, English, Thai
  task1129_alt_ja_th_answer_generation 6479
asian_language_treebank | Text Matching | Japanese, Indonesian, English
  task1117_alt_ja_id_answer_generation 6478
asian_language_treebank | Translation | Central Khmer, English
  task541_alt_translation_kh_en 600
  task555_alt_translation_en_kh 600
asian_language_treebank | Translation | Chinese, English
  task535_alt_translation_ch_en 600
  task548_alt_translation_en_ch 600
asian_language_treebank | Translation | English
  task547_alt_translation_entk_en 600
  task560_alt_translation_en_entk 599
asian_language_treebank | Translation | English, Bengali
  task546_alt_translation_bg_en 600
  task561_alt_translation_en_bg 600
asian_language_treebank | Translation | English, Burmese
  task538_alt_translation_bu_en 600
  task552_alt_translation_en_bu 600
asian_language_treebank | Translation | English, Filipino
  task545_alt_translation_fi_en 599
  task559_alt_translation_en_fi 600
asian_language_treebank | Translation | English, Hindi
  task432_alt_en_hi_translation 6489
  task433_alt_hi_en_translation 6489
  task544_alt_translation_hi_en 600
  task558_alt_translation_en_hi 600
asian_language_treebank | Translation | English, Lao
  task540_alt_translation_la_en 600
  task554_alt_translation_en_la 600
asian_language_treebank | Translation | English, Thai
  task537_alt_translation_th_en 600
  task551_alt_translation_en_th 600
asian_language_treebank | Translation | English, Vietnamese
  task536_alt_translation_vi_en 600
  task549_alt_translation_en_vi 598
asian_language_treebank | Translation | Indonesian, English
  task543_alt_translation_bh_en 599
  task557_alt_translation_en_ba 600
asian_language_treebank | Translation | Japanese, Central Khmer, English
  task1121_alt_ja_khm_translation 6495
  task1122_alt_khm_ja_translation 6496
asian_language_treebank | Translation | Japanese, English
  task435_alt_en_ja_translation 6489
  task436_alt_ja_en_translation 6495
  task542_alt_translation_ja_en 600
  task556_alt_translation_en_ja 599
asian_language_treebank | Translation | Japanese, English, Filipino
  task1118_alt_ja_fil_translation 6495
  task1119_alt_fil_ja_translation 6497
asian_language_treebank | Translation | Japanese, English, Lao
  task1124_alt_ja_lo_translation 6495
  task1125_alt_lo_ja_translation 6495
asian_language_treebank | Translation | Japanese, English, Thai
  task1127_alt_ja_th_translation 6495
  task1128_alt_th_ja_translation 6498
asian_language_treebank | Translation | Japanese, Indonesian, English
  task1115_alt_ja_id_translation 6495
  task1116_alt_id_ja_translation 6496
asian_language_treebank | Translation | Malay, English
  task539_alt_translation_ma_en 599
  task553_alt_translation_en_ma 600
asset | Text Simplification | English
  task111_asset_sentence_simplification 2000 CC BY 4.0
  task112_asset_simple_sentence_identification 6500
atomic | Commonsense Classification | English
  task1196_atomic_classification_oeffect 6493
  task1197_atomic_classification_oreact 6493
  task1198_atomic_classification_owant 6493
  task1199_atomic_classification_xattr 6494
  task1200_atomic_classification_xeffect 6493
  task1201_atomic_classification_xintent 6494
  task1202_atomic_classification_xneed 6493
  task1203_atomic_classification_xreact 6494
  task1204_atomic_classification_hinderedby 6491
  task1205_atomic_classification_isafter 6493
  task1206_atomic_classification_isbefore 6494
  task1207_atomic_classification_atlocation 6493
  task1208_atomic_classification_xreason 732
  task1209_atomic_classification_objectuse 6494
  task1210_atomic_classification_madeupof 5299
  task1211_atomic_classification_hassubevent 6494
  task1212_atomic_classification_hasproperty 6494
  task1213_atomic_classification_desires 5199
  task1214_atomic_classification_xwant 6493
  task1215_atomic_classification_capableof 6492
  task1216_atomic_classification_causes 699
atomic | Fill in The Blank | English
  task1217_atomic_answer_generation 4435
babi | Question Answering | English
  task083_babi_t1_single_supporting_fact_answer_generation 992
  task084_babi_t1_single_supporting_fact_identify_relevant_fact 991
babi | Question Generation | English
  task082_babi_t1_single_supporting_fact_question_generation 992 CC BY 3.0
bard | Word Analogy | English
  task1152_bard_analogical_reasoning_causation 204
  task1153_bard_analogical_reasoning_affordance 2018
  task1154_bard_analogical_reasoning_travel 804
  task1155_bard_analogical_reasoning_trash_or_treasure 546
  task1156_bard_analogical_reasoning_tools 659
  task1157_bard_analogical_reasoning_rooms_for_containers 967
  task1158_bard_analogical_reasoning_manipulating_items 376
  task1159_bard_analogical_reasoning_containers 698
bc2gm_corpus | Named Entity Recognition | English
  task1481_gene_extraction_bc2gm_dataset 1062 MIT
bengali_hate_speech_dataset | Text Categorization | English, Bengali
  task1490_bengali_personal_hate_speech_binary_classification 5696
  task1491_bengali_political_hate_speech_binary_classification 3257
  task1492_bengali_religious_hate_speech_binary_classification 3057
  task1493_bengali_geopolitical_hate_speech_binary_classification 3674
  task1494_bengali_hate_speech_classification 2268
bengali_restaurant_reviews | Sentiment Analysis | English, Bengali
  task1496_bengali_reviews_sentiment_classification 1421
  task1497_bengali_book_reviews_sentiment_classification 1438
bianet | Language Identification | Kurdish, English
  task912_bianet_classification 199
bianet | Text Matching | Kurdish, English
  task910_bianet_classification 200
bianet | Translation | Kurdish, English
  task911_bianet_translation 200
bianet | Translation | Kurdish, English, Turkish
  task914_bianet_translation 199
bianet | Translation | Turkish, English
  task913_bianet_translation 191
big_bench | Program Execution | English
  task062_bigbench_repeat_copy_logic 29
billsum | Summarization | English
  task1658_billsum_summarization 4200
billsum | Title Generation | English
  task1659_title_generation 6500
biocreative_v | Named Entity Recognition | English
  task1449_disease_entity_extraction_bc5cdr_dataset 77
bless | Word Relation Classification | English
  task1418_bless_semantic_relation_classification 2345
  task1583_bless_meronym_classification 1481
bless | Word Semantics | English
  task1582_bless_hypernym_generation 159 Apache 2.0
blimp | Linguistic Probing | English
  task1559_blimp_binary_classification 1000
  task1560_blimp_binary_classification 1000
boolq | Question Answering | English
  task380_boolq_yes_no_question 6500
  task1661_super_glue_classification 4000
boolq | Question Generation | English
  task381_boolq_question_generation 1405 CC BY-SA 3.0
  task1660_super_glue_question_generation 1893 CC BY-SA 3.0
break | Question Decomposition | English
  task176_break_decompose_questions 6500
break | Question Generation | English
  task184_break_generate_question 6498
broad_twitter_corpus | Named Entity Recognition | English
  task1452_location_entity_extraction_btc_corpus 175 CC BY 4.0
  task1453_person_entity_extraction_btc_corpus 261 CC BY 4.0
  task1479_organization_entity_extraction_btc_corpus 200 CC BY 4.0
brown_corpus | Pos Tagging | English
  task1168_brown_coarse_pos_tagging 6474
cad | Toxic Language Detection | English
  task108_contextualabusedetection_classification 3996
cail2018 | Information Extraction | Chinese, English
  task1666_cail2018_answer_generation 1000
  task1667_cail2018_answer_generation 998
casehold | Text Completion | English
  task268_casehold_legal_answer_generation 6499
casehold | Wrong Candidate Generation | English
  task287_casehold_legal_incorrect_answer_generation 6496
casino | Negotiation Strategy Detection | English
  task353_casino_classification_negotiation_elicit_pref 750
  task354_casino_classification_negotiation_no_need 384
  task355_casino_classification_negotiation_other_need 814
  task356_casino_classification_negotiation_self_need 1924
  task357_casino_classification_negotiation_small_talk 2076
  task358_casino_classification_negotiation_uv_part 258
  task359_casino_classification_negotiation_vouch_fair 874
catalonia_independence_corpus | Stance Detection | English, Catalan, Spanish
  task1646_dataset_card_for_catalonia_independence_corpus_text_classification 4900
cb | Textual Entailment | English
  task1388_cb_entailment 301
ccaligned_multilingual | Language Identification | English, Telugu
  task1618_cc_alligned_classify_tel_eng 4928
ccaligned_multilingual | Translation | English, Telugu
  task1616_cc_alligned_translate_eng_tel 4874
  task1617_cc_alligned_translate_tel_eng 4874
cdt | Toxic Language Detection | Polish, English
  task838_cdt_classification 1698
  task839_cdt_classification 6494
cedr | Sentiment Analysis | Russian, English
  task1662_cedr_ru_classification 4261
cedr | Wrong Candidate Generation | Russian, English
  task1663_cedr_ru_incorrect_classification 4261
cfq_mcd1 | Text to Code | English
  task868_cfq_mcd1_explanation_to_sql 398
  task869_cfq_mcd1_sql_to_explanation 198
chemprot_corpus | Named Entity Recognition | English
  task1482_gene_extraction_chemprot_dataset 278
  task1483_chemical_extraction_chemprot_dataset 284
circa | Dialogue Generation | English
  task565_circa_answer_generation 2943 CC BY 4.0
circa | Question Context Generation | English
  task567_circa_text_generation 2877
circa | Question Generation | English
  task568_circa_question_generation 6205 CC BY 4.0
circa | Text Matching | English
  task566_circa_classification 5476
civil_comments | Toxic Language Detection | English
  task1720_civil_comments_toxicity_classification 999
  task1721_civil_comments_obscenity_classification 999
  task1722_civil_comments_threat_classification 998
  task1723_civil_comments_sexuallyexplicit_classification 995
  task1724_civil_comments_insult_classification 1000
  task1725_civil_comments_severtoxicity_classification 995
clariq | Dialogue Generation | English
  task1714_convai3_sentence_generation 2295
clariq | Intent Identification | English
  task1713_convai3_sentence_generation 182
clariq | Question Generation | English
  task166_clariq_sentence_generation 232
clariq | Question Understanding | English
  task227_clariq_classification 6500
clickbait_news_bg | Title Generation | English, Bulgarian
  task1561_clickbait_new_bg_summarization 474
cls | Sentiment Analysis | English
  task476_cls_english_books_classification 1985
  task477_cls_english_dvd_classification 1964
  task478_cls_english_music_classification 1970
cls | Sentiment Analysis | French, English
  task482_cls_french_books_classification 1966
  task483_cls_french_dvd_classification 1968
  task484_cls_french_music_classification 1904
cls | Sentiment Analysis | German, English
  task479_cls_german_books_classification 1996
  task480_cls_german_dvd_classification 1995
  task481_cls_german_music_classification 1991
cls | Sentiment Analysis | Japanese, English
  task485_cls_japanese_books_classification 1998
  task486_cls_japanese_dvd_classification 1997
  task487_cls_japanese_music_classification 1973
clue_cmrc2018 | Question Generation | Chinese, English
  task1402_clue_question_generation 500
cmrc2018 | Answer Index Prediction | Chinese, English
  task1571_cmrc2018_answer_generation_starting_index 200
cmrc2018 | Question Answering | Chinese, English
  task1570_cmrc2018_answer_generation 200
cmrc2018 | Question Generation | Chinese, English
  task1569_cmrc2018_question_generation 190
cnn_dailymail | Summarization | English
  task1553_cnn_dailymail_summarization 950
coached_conv_pref | Information Extraction | English
  task926_coached_conv_pref_word_generation 496 CC BY-SA 4.0
coached_conv_pref | Speaker Identification | English
  task925_coached_conv_pref_classifier 498
cod3s | Cause Effect Classification | English
  task391_causal_relationship 2283
  task392_inverse_causal_relationship 2603
  task393_plausible_result_generation 100 MIT
coda_19 | Section Classification | English
  task352_coda-19_classification 275
  task1163_coda19_section_classification 5200
  task1164_coda19_section_correction_classification 6500
coda_19 | Text Matching | English
  task1162_coda19_title_classification 6077
coda_19 | Title Generation | English
  task1161_coda19_title_generation 6500
codah | Text Completion | English
  task156_codah_classification_adversarial 2771
codexglue | Count For Loops | English
  task921_code_x_glue_information_retreival 373
cola | Grammar Error Detection | English
  task1346_glue_cola_grammatical_correctness_classification 5035
cola | Text Quality Evaluation | English
  task616_cola_classification 6500
com2sense | Commonsense Classification | English
  task116_com2sense_commonsense_reasoning 1948
com_qa | Question Answering | English
  task444_com_qa_question_paraphrases_answer_generation 1564
com_qa | Question Generation | English
  task443_com_qa_ans_question_generation 2154
com_qa | Question Rewriting | English
  task442_com_qa_paraphrase_question_generation 1796
commongen | Data to Text | English
  task102_commongen_sentence_generation 5408
commonsenseqa | Question Answering | English
  task073_commonsenseqa_answer_generation 1219
conala | Program Execution | English
  task079_conala_concat_strings 4993
  task093_conala_normalize_lists 5000
  task094_conala_calculate_mean 5000
  task095_conala_max_absolute_value 4975
  task096_conala_list_index_subtraction 4918
  task097_conala_remove_duplicates 4984
  task098_conala_list_intersection 4998
  task122_conala_list_index_addition 5000
  task123_conala_sort_dictionary 5000
  task124_conala_pair_averages 4999
  task125_conala_pair_differences 4998
conll2022 | Named Entity Recognition | Dutch, English
  task1544_conll2002_named_entity_recognition_answer_generation 4656
  task1545_conll2002_person_name_extraction_answer_generation 4656
  task1546_conll2002_location_name_extraction_answer_generation 4656
conll2022 | Pos Tagging | Dutch, English
  task1543_conll2002_parts_of_speech_tagging_answer_generation 4700
conllpp | Named Entity Recognition | English
  task610_conllpp_ner 3720 Apache 2.0
conv_ai_2 | Speaker Identification | English
  task855_conv_ai_2_classification 119
  task856_conv_ai_2_classification 118
copa | Cause Effect Classification | English
  task827_copa_commonsense_reasoning 997
  task828_copa_commonsense_cause_effect 997
  task1393_superglue_copa_text_completion 496
copa_hr | Cause Effect Classification | English, Croatian
  task1626_copa_hr_question_answering 996
  task1627_copa_hr_classification 995
  task1628_copa_hr_question_answering 994
  task1629_copa_hr_classification 995
coqa | Question Answering | English
  task918_coqa_answer_generation 495
coqa | Question Generation | English
  task917_coqa_question_generation 117
coqa | Wrong Candidate Generation | English
  task919_coqa_incorrect_answer_generation 118
cosmosqa | Question Answering | English
  task024_cosmosqa_answer_generation 6500
cosmosqa | Question Generation | English
  task023_cosmosqa_question_generation 6500
cosmosqa | Toxic Language Detection | English
  task022_cosmosqa_passage_inappropriate_binary 129
cosmosqa | Wrong Candidate Generation | English
  task025_cosmosqa_incorrect_answer_generation 6500
country_abbreviation_dataset | Country Abbreviation Prediction | English
  task1314_country_abbreviation 237
country_barcode_prefix_dataset | Country Prefix Barcode Prediction | English
  task1319_country_by_barcode_prefix 101 Public Domain
country_calling_code_dataset | Country Call Code Prediction | English
  task1317_country_calling_code 273 Public Domain
country_capital_city_dataset | Country Capital Prediction | English
  task1146_country_capital 231 Public Domain
country_continent_dataset | Country Continent Prediction | English
  task1321_country_continent 237
country_currency_dataset | Country Currency Prediction | English
  task1147_country_currency 232 Public Domain
country_domain_tld_dataset | Country Top Level Domain Prediction | English
  task1320_country_domain_tld 252 Public Domain
country_government_type_dataset | Country Government Type Prediction | English
  task1322_country_government_type 237
country_independence_year_dataset | Country Independence Year Prediction | English
  task1426_country_independence_year 190 MIT
country_iso_numeric_dataset | Country ISO Prediction | English
  task1425_country_iso_numeric 247 MIT
country_national_dish_dataset | Country National Dish Prediction | English
  task1318_country_national_dish 163 MIT
country_region_in_world_dataset | Country Region Prediction | English
  task1427_country_region_in_world 237
country_region_in_world_dataset | Country Surface Area Prediction | English
  task1428_country_surface_area 237
craigslist_bargains | Dialogue State Tracking | English
  task766_craigslist_bargains_classification 200
craigslist_bargains | Text Categorization | English
  task767_craigslist_bargains_classification 1200
creak_2018 | Fact Verification | English
  task403_creak_commonsense_inference 6008
crows_pairs | Stereotype Detection | English
  task316_crows-pairs_classification_stereotype 3009
  task317_crows-pairs_classification_stereotype_type 1500
cuad | Question Answering | English
  task597_cuad_answer_generation 407
  task598_cuad_answer_generation 407
cuad | Question Generation | English
  task599_cuad_question_generation 407
curated_from_stack_overflow___english. | Answerability Classification | English
  task226_english_language_answer_relevance_classification 478
curated_from_stack_overflow___english. | Question Answering | English
  task225_english_language_answer_generation 395
curiosity_dialogs | Dialogue Generation | English
  task576_curiosity_dialogs_answer_generation 6463
curiosity_dialogs | Information Extraction | English
  task578_curiosity_dialogs_answer_generation 3497
curiosity_dialogs | Speaker Identification | English
  task577_curiosity_dialogs_classification 6011
dailydialog | Dialogue Act Recognition | English
  task1531_daily_dialog_type_classification 497
  task1533_daily_dialog_formal_classification 6162
  task1534_daily_dialog_question_classification 6162
dailydialog | Intent Identification | English
  task932_dailydialog_classification 200
dailydialog | Sentiment Analysis | English
  task931_dailydialog_classification 200
  task1532_daily_dialog_emotion_classification 6162
  task1535_daily_dialog_uniqueness_classification 1100
  task1536_daily_dialog_happiness_classification 6162
dailydialog | Text Categorization | English
  task930_dailydialog_classification 200
dais | Paraphrasing | English
  task132_dais_text_modification 4997
dart | Data to Text | English
  task1407_dart_question_generation 3129
  task1409_dart_text_generation 6482
dart | Information Extraction | English
  task1410_dart_relationship_extraction 6499
  task1411_dart_subject_identification 3192 MIT
  task1413_dart_object_identification 2724 MIT
dart | Text Matching | English
  task1408_dart_similarity_classification 5680
dbpedia_14 | Text Categorization | English
  task629_dbpedia_14_classification 3000
  task632_dbpedia_14_classification 2000
  task633_dbpedia_14_answer_generation 4899
dbpedia_14 | Text Matching | English
  task630_dbpedia_14_classification 1000
dbpedia_14 | Wrong Candidate Generation | English
  task631_dbpedia_14_incorrect_answer_generation 1858
ddo | Text Categorization | English
  task375_classify_type_of_sentence_in_debate 400
deal_or_no_dialog | Dialogue State Tracking | English
  task1384_deal_or_no_dialog_classification 4209
deceptive_opinion_spam_dataset | Sentiment Analysis | English
  task902_deceptive_opinion_spam_classification 1590
  task903_deceptive_opinion_spam_classification 1590
defeasible_nli_atomic | Textual Entailment | English
  task935_defeasible_nli_atomic_classification 6500
  task936_defeasible_nli_snli_classification 6500
  task937_defeasible_nli_social_classification 6500
detoxifying_lms | Text Completion | English
  task138_detoxifying-lms_classification_fluency 390
  task139_detoxifying-lms_classification_topicality 390
  task140_detoxifying-lms_classification_style 390
detoxifying_lms | Toxic Language Detection | English
  task137_detoxifying-lms_classification_toxicity 390
dialogre | Speaker Identification | English
  task906_dialogre_identify_names 277 Dedicated License (https://github.com/nlpdata/dialogre/blob/master/license.txt)
  task909_dialogre_prevalent_speakers 433
dialogre | Speaker Relation Classification | English
  task907_dialogre_identify_relationships 63
  task908_dialogre_identify_familial_relationships 90
diplomacy_detection | Dialogue Generation | English
  task1590_diplomacy_text_generation 158
discofuse | Discourse Connective Identification | English
  task563_discofuse_answer_generation 1000
discofuse | Discourse Relation Classification | English
  task564_discofuse_classification 1000
discofuse | Sentence Composition | English
  task550_discofuse_sentence_generation 600
disfl_qa | Answerability Classification | English
  task1624_disfl_qa_question_yesno_classification 1500
disfl_qa | Question Answering | English
  task1625_disfl_qa_asnwer_generation 1500
disfl_qa | Question Rewriting | English
  task1195_disflqa_disfluent_to_fluent_conversion 6494 CC BY 4.0
  task1622_disfl_qa_text_modication 1995
disfl_qa | Text Quality Evaluation | English
  task1623_disfl_qa_disfluent_question_classification 1480
doqa | Answerability Classification | English
  task1439_doqa_cooking_isanswerable 2530
  task1442_doqa_movies_isanswerable 1879
doqa | Question Answering | English
  task1438_doqa_cooking_answer_generation 284
  task1441_doqa_movies_answer_generation 123 CC BY-SA 4.0
doqa | Question Generation | English
  task1437_doqa_cooking_question_generation 753 CC BY-SA 4.0
  task1440_doqa_movies_question_generation 273
  task1637_doqa2.1_cooking_text_summarization 400 CC BY-SA 4.0
  task1638_doqa2.1_movies_text_summarization 388 CC BY-SA 4.0
  task1639_doqa2.1_travel_text_summarization 385
dream | Question Answering | English
  task247_dream_answer_generation 6113
dream | Question Generation | English
  task246_dream_question_generation 6428
dream | Question Understanding | English
  task248_dream_classification 826
dream | Wrong Candidate Generation | English
  task283_dream_incorrect_answer_generation 6112
drop | Question Answering | English
  task028_drop_answer_generation 6500
drop | Question Generation | English
  task026_drop_question_generation 6107
drop | Question Understanding | English
  task027_drop_answer_type_generation 4174
dstc3 | Dialogue State Tracking | English
  task1500_dstc3_classification 951
  task1501_dstc3_answer_generation 1450
dstc3 | Summarization | English
  task1499_dstc3_summarization 2259
dualrl | Style Transfer | English
  task927_yelp_negative_to_positive_style_transfer 493 MIT
  task928_yelp_positive_to_negative_style_transfer 492
duorc | Question Answering | English
  task194_duorc_answer_generation 6402
duorc | Question Generation | English
  task182_duorc_question_generation 5257
  task193_duorc_question_generation 4799
e2e | Data to Text | English
  task957_e2e_nlg_text_generation_generate 2162 CC BY-SA 4.0
e2e | Information Extraction | English
  task958_e2e_nlg_text_generation_parse 2162
e2e | Named Entity Recognition | English
  task959_e2e_nlg_text_generation_identify 102 CC BY-SA 4.0
e_snli | Textual Entailment | English
  task640_esnli_classification 100
  task641_esnli_classification 198
  task642_esnli_classification 300
emea_fr_sk | Text Matching | English, Bulgarian
  task764_emea_bg_el_classification 163
emea_fr_sk | Translation | French, English, Slovak
  task762_emea_fr_sk_translation 437
emea_fr_sk | Translation | Greek, English, Bulgarian
  task765_emea_bg_el_translation 140
emea_fr_sk | Translation | Lithuanian, English, Spanish
  task763_emea_es_lt_translation 187
emo | Sentiment Analysis | English
  task517_emo_classify_emotion_of_dialogue 6478
  task518_emo_different_dialogue_emotions 6500
emotion | Sentiment Analysis | English
  task512_twitter_emotion_classification 3429
  task875_emotion_classification 3229
eng_guj_parallel_corpus | Language Identification | English, Gujarati
  task441_eng_guj_parallel_corpus_gu-en_language_identification 6500
eng_guj_parallel_corpus | Text Matching | English, Gujarati
  task440_eng_guj_parallel_corpus_gu-en_classification 6500
eng_guj_parallel_corpus | Translation | English, Gujarati
  task438_eng_guj_parallel_corpus_en_gu_translation 4730
  task439_eng_guj_parallel_corpus_gu_en_translation 3050
enhanced_wsc | Coreference Resolution | English
  task249_enhanced_wsc_pronoun_disambiguation 685
eqasc | Question Answering | English
  task1581_eqasc-perturbed_answer_generation 820
eqasc | Question Generation | English
  task1580_eqasc-perturbed_question_generation 822 CC BY 4.0
equity_evaluation_corpus | Fill in The Blank | English
  task1339_peixian_equity_evaluation_corpus_text_completion 1773
equity_evaluation_corpus | Gender Classification | English
  task1336_peixian_equity_evaluation_corpus_gender_classifier 6500
equity_evaluation_corpus | Sentiment Analysis | English
  task1338_peixian_equity_evaluation_corpus_sentiment_classifier 6000
essential | Answer Incomplete Questions | English
  task043_essential_terms_answering_incomplete_questions 1704
essential | Question Understanding | English
  task044_essential_terms_identifying_essential_words 2234
ethos | Toxic Language Detection | English
  task1604_ethos_text_classification 998
  task1605_ethos_text_classification 292
  task1606_ethos_text_classification 186
  task1607_ethos_text_classification 171
eurlex | Text Categorization | English
  task744_eurlex_classification 975
eurlex | Title Generation | English
  task743_eurlex_summarization 650 © European Union, 1998-2021 (https://huggingface.co/datasets/eurlex#licensing-information)
europa_ecdc_tm | Translation | English, Swedish
  task1395_europa_ecdc_tm_en_sv_translation 2423
europa_ecdc_tm | Translation | French, English
  task1397_europa_ecdc_tm_fr_en_translation 2444
europa_ecdc_tm | Translation | German, English
  task1396_europa_ecdc_tm_en_de_translation 2456
europarl | Language Identification | English, Spanish
  task533_europarl_es-en_language_identification 6453
europarl | Text Matching | English, Bulgarian
  task273_europarl_classification 6499
europarl | Text Matching | English, Spanish
  task532_europarl_en-es_classification 6443
europarl | Text Matching | English, Swedish
  task314_europarl_sv-en_classification 6500
  task315_europarl_sv-en_language_identification 6499
europarl | Translation | English, Bulgarian
  task271_europarl_translation 4273
  task272_europarl_translation 4181
europarl | Translation | English, Spanish
  task530_europarl_en_es_translation 6417
  task531_europarl_es_en_translation 6394
europarl | Translation | English, Swedish
  task312_europarl_sv_en_translation 6496
  task313_europarl_en_sv_translation 6496
evalution | Information Extraction | English
  task1510_evalution_relation_extraction 6494
evalution | Word Relation Classification | English
  task1429_evalution_semantic_relation_classification 793
  task1584_evalution_meronym_classification 1079
evalution | Word Semantics | English
  task1509_evalution_antonyms 551
event2mind | Emotion Word Generation | English
  task922_event2mind_word_generation 435
  task924_event2mind_word_generation 6499
event2mind | Emotional Reaction Generation | English
  task1595_event2mind_text_generation_1 6498
event2mind | Intent Generation | English
  task1596_event2mind_text_generation_2 6499
event2mind | Sentiment Analysis | English
  task923_event2mind_classifier 4499
facts2story | Story Composition | English
  task103_facts2story_long_text_generation 6442
farstail | Textual Entailment | English, Persian
  task534_farstail_entailment 5998
financial_phrasebank | Sentiment Analysis | English
  task843_financial_phrasebank_classification 1805 CC BY-NC-SA 3.0
  task844_financial_phrasebank_classification 4837
flores | Translation | English, Nepali
  task1514_flores_translation_entone 2309
flores | Translation | Sinhala, English
  task601_flores_translation_sntoen 1298
  task604_flores_translation_entosn 1658
freebase_qa | Question Answering | English
  task898_freebase_qa_answer_generation 6500 CC BY 4.0
freebase_qa | Question Generation | English
  task897_freebase_qa_topic_question_generation 3889 CC BY 4.0
  task901_freebase_qa_category_question_generation 69
freebase_qa | Question Understanding | English
  task899_freebase_qa_topic_generation 6495 CC BY 4.0
  task900_freebase_qa_category_classification 6498 CC BY 4.0
gap | Coreference Resolution | English
  task329_gap_classification 4449
  task330_gap_answer_generation 3959
  task891_gap_coreference_resolution 198
  task892_gap_reverse_coreference_resolution 193
  task893_gap_fill_the_blank_coreference_resolution 100
gap | Wrong Candidate Generation | English
  task331_gap_incorrect_answer_generation 4449
generated_reviews_enth | Sentiment Analysis | English
  task929_products_reviews_classification 6490
giga_fren | Text Matching | French, English
  task831_giga_fren_classification 989
giga_fren | Translation | French, English
  task829_giga_fren_translation 994
gigaword | Summarization | English
  task1579_gigaword_incorrect_summarization 1933 MIT
gigaword | Text Matching | English
  task289_gigaword_summarization 6499
gigaword | Title Generation | English
  task288_gigaword_summarization 1933
glucose | Cause Effect Classification | English
  task614_glucose_cause_event_detection 6497
glucose | Information Extraction | English
  task747_glucose_cause_emotion_detection 6497
  task748_glucose_reverse_cause_event_detection 6497 CC BY-NC 4.0
  task749_glucose_reverse_cause_emotion_detection 6497 CC BY-NC 4.0
go_emotions | Sentiment Analysis | English
  task889_goemotions_classification 500
gooaq | Question Answering | English
  task1656_gooaq_answer_generation 110
gooaq | Question Generation | English
  task1657_gooaq_question_generation 104 Apache 2.0
google_wellformed_query | Question Understanding | English
  task673_google_wellformed_query_classification 5318
google_wellformed_query | Text Quality Evaluation | English
  task674_google_wellformed_query_sentence_generation 2302 CC BY-SA 4.0
  task675_google_wellformed_query_sentence_generation 2336
grailqa | Question Rewriting | English
  task402_grailqa_paraphrase_generation 3045
grailqa | Text Matching | English
  task404_grailqa_paraphrase_validation 1209
gwsd | Textual Entailment | English
  task890_gcwd_classification 198
hans | Sentence Composition | English
  task1364_hans_answer_generation 2998 MIT
haspart_kb | Entity Generation | English
  task471_haspart_answer_generation 3095 CC BY 4.0
haspart_kb | Entity Relation Classification | English
  task472_haspart_classification 5903
hate_speech_offensive | Toxic Language Detection | English
  task904_hate_speech_offensive_classification 6500
  task905_hate_speech_offensive_classification 6500
hateeval | Toxic Language Detection | English
  task333_hateeval_classification_hate_en 5994
  task335_hateeval_classification_aggresive_en 2997
  task337_hateeval_classification_individual_en 2997
hateeval | Toxic Language Detection | English, Spanish
  task334_hateeval_classification_hate_es 3996
  task336_hateeval_classification_aggresive_es 598
  task338_hateeval_classification_individual_es 1596
hatexplain | Toxic Language Detection | English
  task1502_hatexplain_classification 5527
  task1503_hatexplain_classification 898
  task1504_hatexplain_answer_generation 4103 MIT
head_qa | Question Answering | English
  task1431_head_qa_answer_generation 2529
head_qa | Text Categorization | English
  task1434_head_qa_classification 2528
head_qa | Translation | English, Spanish
  task1432_head_qa_language_translation_en_to_es 2622
  task1433_head_qa_language_translation_es_to_en 2554
health_fact | Explanation | English
  task1369_healthfact_sentence_generation 3322
health_fact | Fact Verification | English
  task1366_healthfact_classification 245
health_fact | Sentence Composition | English
  task1368_healthfact_sentence_generation 3294
hellaswag | Text Completion | English
  task1389_hellaswag_completion 6494
help!_need_advice_on_identifying_advice | Text Categorization | English
  task115_help_advice_classification 5745
hind_encorp | Translation | English, Hindi
  task1352_hind_encorp_translation_hi_en 200
  task1353_hind_encorp_translation_en_hi 201
hindienglish_corpora | Language Identification | English, Hindi
  task427_hindienglish_corpora_hi-en_language_identification 6499
hindienglish_corpora | Text Matching | English, Hindi
  task426_hindienglish_corpora_hi-en_classification 6499
hindienglish_corpora | Translation | English, Hindi
  task424_hindienglish_corpora_hi_en_translation 6498
  task425_hindienglish_corpora_en_hi_translation 6500
hippocorpus | Story Composition | English
  task853_hippocorpus_long_text_generation 104 CDLA Permissive 2.0
hippocorpus | Text Categorization | English
  task854_hippocorpus_classification 120
hope_edi | Text Categorization | English
  task679_hope_edi_english_text_classification 3837
  task681_hope_edi_malayalam_text_classification 1969
hope_edi | Text Categorization | English, Tamil
  task680_hope_edi_tamil_text_classification 5431
hotpotqa | Explanation | English
  task192_hotpotqa_sentence_generation 5000
hotpotqa | Question Answering | English
  task170_hotpotqa_answer_generation 6500
  task1293_kilt_tasks_hotpotqa_question_answering 6241 CC BY-SA 4.0
hotpotqa | Question Generation | English
  task191_hotpotqa_question_generation 6500
human_ratings_of_natural_language_generation_outputs | Text Quality Evaluation | English
  task1186_nne_hrngo_classification 3169
  task1283_hrngo_quality_classification 3975
  task1284_hrngo_informativeness_classification 1777
hybridqa | Pos Tagging | English
  task345_hybridqa_answer_generation 6496
  task346_hybridqa_classification 6497
  task347_hybridqa_incorrect_answer_generation 6495 MIT
  task382_hybridqa_answer_generation 6496 MIT
hybridqa | Question Answering | English
  task344_hybridqa_answer_generation 6496 MIT
iirc | Answerability Classification | English
  task232_iirc_link_number_classification 6500
  task233_iirc_link_exists_classification 6500
iirc | Question Answering | English
  task230_iirc_passage_classification 6500
  task231_iirc_link_classification 6500
  task234_iirc_passage_line_answer_generation 4000
  task237_iirc_answer_from_subtext_answer_generation 6500
  task238_iirc_answer_from_passage_answer_generation 6500
iirc | Question Generation | English
  task235_iirc_question_from_subtext_answer_generation 6500
  task236_iirc_question_from_passage_answer_generation 6500
imdb | Sentiment Analysis | English
  task284_imdb_classification 6499
  task285_imdb_answer_generation 6497
imppres | Sentence Composition | English
  task1515_imppres_longtextgeneration 236 CC BY-NC 4.0
imppres | Textual Entailment | English
  task1516_imppres_naturallanguageinference 709
indian_food_101 | Food Classification | English
  task1191_food_veg_nonveg 101
  task1192_food_flavor_profile 217
  task1193_food_course_classification 220
indicnlp | Cause Effect Classification | English, Gujarati
  task940_copa_gu_commonsense_reasoning 358
  task941_copa_gu_commonsense_cause_effect 358
indicnlp | Cause Effect Classification | English, Hindi
  task938_copa_hi_commonsense_reasoning 358
  task939_copa_hi_commonsense_cause_effect 358
indicnlp | Cause Effect Classification | English, Marathi
  task942_copa_mr_commonsense_reasoning 357
  task943_copa_mr_commonsense_cause_effect 358
indicnlp | Fill in The Blank | English, Assamese
  task944_wiki_cloze_as_multiple_choice_question_answering 2938
indicnlp | Fill in The Blank | English, Bengali
  task945_wiki_cloze_bn_multiple_choice_question_answering 6496
indicnlp | Fill in The Blank | English, Gujarati
  task946_wiki_cloze_gu_multiple_choice_question_answering 6353
indicnlp | Fill in The Blank | English, Hindi
  task947_wiki_cloze_hi_multiple_choice_question_answering 6496
indicnlp | Fill in The Blank | English, Kannada
  task948_wiki_cloze_kn_multiple_choice_question_answering 6492
indicnlp | Fill in The Blank | English, Malayalam
  task949_wiki_cloze_ml_multiple_choice_question_answering 6496
indicnlp | Fill in The Blank | English, Marathi
  task950_wiki_cloze_mr_multiple_choice_question_answering 6496
indicnlp | Fill in The Blank | English, Oriya
  task951_wiki_cloze_or_multiple_choice_question_answering 1971
indicnlp | Fill in The Blank | English, Tamil
  task953_wiki_cloze_ta_multiple_choice_question_answering 6496
indicnlp | Fill in The Blank | English, Telugu
  task954_wiki_cloze_te_multiple_choice_question_answering 6494
indicnlp | Fill in The Blank | Panjabi, English
  task952_wiki_cloze_pa_multiple_choice_question_answering 5586
inquisitive | Question Answering | English
  task858_inquisitive_span_detection 162
inquisitive | Question Generation | English
  task857_inquisitive_question_generation 161
jeopardy | Answer Generation -- Jeopardy Difficulty All | English
  task308_jeopardy_answer_generation_all 6499
jeopardy | Answer Generation -- Jeopardy Difficulty Double | English
  task306_jeopardy_answer_generation_double 6499
jeopardy | Answer Generation -- Jeopardy Difficulty Final | English
  task307_jeopardy_answer_generation_final 3565
jeopardy | Answer Generation -- Jeopardy Difficulty Normal | English
  task305_jeopardy_answer_generation_normal 6499
jfleg | Grammar Error Correction | English
  task1557_jfleg_answer_generation 754
jfleg | Wrong Candidate Generation | English
  task1558_jfleg_incorrect_answer_generation 754
jigsaw | Toxic Language Detection | English
  task322_jigsaw_classification_threat 6385
  task323_jigsaw_classification_sexually_explicit 6369
  task324_jigsaw_classification_disagree 388
  task325_jigsaw_classification_identity_attack 6356
  task326_jigsaw_classification_obscene 6384
  task327_jigsaw_classification_toxic 5565
  task328_jigsaw_classification_insult 6213
jnlpba_corpus | Named Entity Recognition | English
  task1480_gene_extraction_jnlpba_dataset 1200
kde4 | Translation | English, Hindi
  task877_kde4_translation 1502
kde4 | Translation | English, Telugu
  task878_kde4_translation 932
leetcode | Text to Code | English
  task956_leetcode_420_strong_password_check 5197
liar | Keyword Tagging | English
  task613_politifact_text_generation 6500
liar | Text Categorization | English
  task1187_politifact_classification 6498
librispeech_asr, | Fill in The Blank | English
  task965_librispeech_asr_missing_word_prediction 150
librispeech_asr, | Text Completion | English
  task963_librispeech_asr_next_word_prediction 150
  task964_librispeech_asr_text_auto_completion 150 CC BY 4.0
limit | Information Extraction | English
  task1517_limit_classfication 1996
  task1518_limit_answer_generation 996 CC BY-SA 4.0
linnaeus_corpus | Named Entity Recognition | English
  task1484_gene_extraction_linnaeus_dataset 141
lj_speec | Named Entity Recognition | English
  task1705_ljspeech_classification 100
lj_speec | Number Conversion | English
  task1703_ljspeech_textmodification 499
  task1704_ljspeech_textmodification 499
lj_speec | Punctuation Error Detection | English
  task1706_ljspeech_classification 100
logic2text | Text to Code | English
  task210_logic2text_structured_text_generation 6498
  task211_logic2text_classification 6000
  task212_logic2text_classification 6498
math_qa | Question Answering | English
  task1678_mathqa_answer_selection 4471
  task1726_mathqa_correct_answer_generation 4475
mathmatics_dataset | Question Answering | English
  task835_mathdataset_answer_generation 3985 Apache 2.0
mathmatics_dataset | Question Understanding | English
  task834_mathdataset_classification 3983
mathqa | Question Answering | English
  task1419_mathqa_gain 6417
  task1420_mathqa_general 6452
  task1421_mathqa_other 2270
  task1422_mathqa_physics 6423
  task1423_mathqa_geometry 2621
  task1424_mathqa_probability 572
matres | Context Verb Time Anchoring | English
  task383_matres_classification 1917
matres | Information Extraction | English
  task456_matres_intention_classification 2656
matres | Word Semantics | English
  task457_matres_conditional_classification 629
  task458_matres_negation_classification 773
  task459_matres_static_classification 98
mcscript | Question Answering | English
  task164_mcscript_question_answering_text 6500
  task165_mcscript_question_answering_commonsense 6499
mctaco | Answerability Classification | English
  task020_mctaco_span_based_question 381
mctaco | Question Answering | English
  task004_mctaco_answer_generation_event_duration 339
  task007_mctaco_answer_generation_transient_stationary 244
  task010_mctaco_answer_generation_event_ordering 331
  task013_mctaco_answer_generation_absolute_timepoint 310
  task016_mctaco_answer_generation_frequency 321
mctaco | Question Generation | English
  task003_mctaco_question_generation_event_duration 429
  task006_mctaco_question_generation_transient_stationary 187
  task009_mctaco_question_generation_event_ordering 348
  task012_mctaco_question_generation_absolute_timepoint 351
  task015_mctaco_question_generation_frequency 423
mctaco | Question Understanding | English
  task018_mctaco_temporal_reasoning_presence 645
  task019_mctaco_temporal_reasoning_category 409
mctaco | Text Quality Evaluation | English
  task021_mctaco_grammatical_logical 249
mctaco | Wrong Candidate Generation | English
  task005_mctaco_wrong_answer_generation_event_duration 430
  task008_mctaco_wrong_answer_generation_transient_stationary 176
  task011_mctaco_wrong_answer_generation_event_ordering 313
  task014_mctaco_wrong_answer_generation_absolute_timepoint 313
  task017_mctaco_wrong_answer_generation_frequency 418
md_gender_bias | Sentence Perturbation | English
  task1669_md_gender_bias_text_modification 1000
  task1670_md_gender_bias_text_modification 1000
medical_question_pair_dataset | Text Matching | English
  task1645_medical_question_pair_dataset_text_classification 2948
menyo20k_mt | Language Identification | English, Yoruba
  task1621_menyo20k-mt_en_yo_language_identification 3979
menyo20k_mt | Translation | English, Yoruba
  task1619_menyo20k-mt_en_yo_translation 3975
  task1620_menyo20k-mt_yo_en_translation 3976
  task1685_menyo20k_translation 6443
  task1686_menyo20k_translation 6457
meta_woz | Dialogue Act Recognition | English
  task1394_meta_woz_task_classification 224
miam | Language Identification | English, Spanish, German, French, Italian
  task896_miam_language_classification 3204
miscellaneous | Paraphrasing | English
  task045_miscellaneous_sentence_paraphrasing 191
miscellaneous | Question Answering | English
  task047_miscellaneous_answering_science_questions 251
miscellaneous | Question Understanding | English
  task046_miscellaneous_question_typing 6498
missing | Question Answering | English
  task740_lhoestq_answer_generation_quantity 118
  task741_lhoestq_answer_generation_place 116
  task742_lhoestq_answer_generation_frequency 103
missing | Question Generation | English
  task739_lhoestq_question_generation 117
mkb | Translation | English, Hindi
  task1654_mkb_translation 148
  task1655_mkb_translation 150
mmmlu | Question Answering | English
  task664_mmmlu_answer_generation_abstract_algebra 112
  task665_mmmlu_answer_generation_anatomy 151
  task666_mmmlu_answer_generation_astronomy 168
  task667_mmmlu_answer_generation_business_ethics 97
  task685_mmmlu_answer_generation_clinical_knowledge 177
  task686_mmmlu_answer_generation_college_biology 162
  task687_mmmlu_answer_generation_college_chemistry 110
  task688_mmmlu_answer_generation_college_computer_science 113
  task689_mmmlu_answer_generation_college_mathematics 113
  task690_mmmlu_answer_generation_college_medicine 125
  task691_mmmlu_answer_generation_college_physics 96
  task692_mmmlu_answer_generation_computer_security 113
  task693_mmmlu_answer_generation_conceptual_physics 178
  task694_mmmlu_answer_generation_econometrics 128
  task695_mmmlu_answer_generation_electrical_engineering 164
  task696_mmmlu_answer_generation_elementary_mathematics 194
  task697_mmmlu_answer_generation_formal_logic 140
  task698_mmmlu_answer_generation_global_facts 112
  task699_mmmlu_answer_generation_high_school_biology 184
  task700_mmmlu_answer_generation_high_school_chemistry 174
  task701_mmmlu_answer_generation_high_school_computer_science 111
  task702_mmmlu_answer_generation_high_school_european_history 170
  task703_mmmlu_answer_generation_high_school_geography 174
  task704_mmmlu_answer_generation_high_school_government_and_politics 173
  task705_mmmlu_answer_generation_high_school_macroeconomics 195
  task706_mmmlu_answer_generation_high_school_mathematics 181
  task707_mmmlu_answer_generation_high_school_microeconomics 178
  task708_mmmlu_answer_generation_high_school_physics 169
  task709_mmmlu_answer_generation_high_school_psychology 210
  task710_mmmlu_answer_generation_high_school_statistics 175
  task711_mmmlu_answer_generation_high_school_us_history 174
  task712_mmmlu_answer_generation_high_school_world_history 178
  task713_mmmlu_answer_generation_human_aging 175
  task714_mmmlu_answer_generation_human_sexuality 144
  task715_mmmlu_answer_generation_international_law 136
  task716_mmmlu_answer_generation_jurisprudence 121
  task717_mmmlu_answer_generation_logical_fallacies 170
  task718_mmmlu_answer_generation_machine_learning 125
  task719_mmmlu_answer_generation_management 116
  task720_mmmlu_answer_generation_marketing 177
  task721_mmmlu_answer_generation_medical_genetics 113
  task722_mmmlu_answer_generation_random_topic 238
  task723_mmmlu_answer_generation_moral_disputes 190
  task724_mmmlu_answer_generation_moral_scenarios 252
  task725_mmmlu_answer_generation_nutrition 185
  task726_mmmlu_answer_generation_philosophy 186
  task727_mmmlu_answer_generation_prehistory 187
  task728_mmmlu_answer_generation_professional_accounting 183
  task729_mmmlu_answer_generation_professional_law 302
  task730_mmmlu_answer_generation_professional_medicine 183
  task731_mmmlu_answer_generation_professional_psychology 221
  task732_mmmlu_answer_generation_public_relations 120
  task733_mmmlu_answer_generation_security_studies 179
  task734_mmmlu_answer_generation_sociology 174
  task735_mmmlu_answer_generation_us_foreign_policy 112
  task736_mmmlu_answer_generation_virology 170
  task737_mmmlu_answer_generation_world_religions 171
mocha | Question Answering | English
  task595_mocha_answer_generation 4950
  task596_mocha_question_generation 4950
movie_rationales | Sentiment Analysis | English
  task1361_movierationales_classification 1995
mrpc | Text Matching | English
  task1288_glue_mrpc_paraphrasing 4071
mrqa | Question Answering | English
  task469_mrqa_answer_generation 4527
mrqa | Question Generation | English
  task470_mrqa_question_generation 3055
ms_marco | Question Answering | English
  task870_msmarco_answer_generation 734
ms_marco | Question Generation | English
  task871_msmarco_question_generation 100
msr_sqa | Data to Text | English
  task760_msr_sqa_long_text_generation 26
msr_sqa | Question Answering | English
  task758_msr_sqa_question_answer_generation 401
msr_sqa | Question Generation | English
  task757_msr_sqa_question_generation 401
msr_sqa | Wrong Candidate Generation | English
  task759_msr_sqa_incorrect_answer_generation 401
msr_text_compression | Sentence Compression | English
  task1340_msr_text_compression_compression 4934
msr_text_compression | Text Quality Evaluation | English
  task1341_msr_text_classification 173
multi_news | Summarization | English
  task1291_multi_news_summarization 6494
multi_woz_v22 | Dialogue Generation | English
  task639_multi_woz_user_utterance_generation 178 Apache 2.0
multi_woz_v22 | Speaker Identification | English
  task638_multi_woz_classification 4580
multilingual_amazon_reviews | Language Identification | Chinese, English, Spanish, Japanese, German, French
  task1574_amazon_reviews_multi_language_identification 102
  task1576_amazon_reviews_multi_english_language_classification 102
  task1577_amazon_reviews_multi_japanese_language_classification 102
multilingual_amazon_reviews | Sentiment Analysis | Chinese, English, Spanish, Japanese, German, French
  task1575_amazon_reviews_multi_sentiment_classification 102
multilingual_amazon_reviews | Sentiment Analysis | English
  task1310_amazonreview_rating_classification 6500
  task1311_amazonreview_rating_classification 4550
  task1312_amazonreview_polarity_classification 6500
  task1313_amazonreview_polarity_classification 3022
multilingual_amazon_reviews | Summarization | English
  task618_amazonreview_summary_text_generation 6500
  task1309_amazonreview_summary_classification 6500
multilingual_amazon_reviews | Text Categorization | English
  task617_amazonreview_category_text_generation 6500
  task1308_amazonreview_category_classification 6500
multilingual_ted | Code to Text | English
  task110_logic2text_sentence_generation 6498
multilingual_ted | Translation | English, Arabic
  task1220_ted_translation_en_ar 6420
  task1230_ted_translation_ar_en 6420
multilingual_ted | Translation | English, Arabic, Spanish
  task1228_ted_translation_es_ar 6425
multilingual_ted | Translation | English, Galician
  task1090_ted_translation_en_gl 6407
  task1238_ted_translation_gl_en 6406
multilingual_ted | Translation | English, Galician, Arabic
  task1105_ted_translation_ar_gl 6385
  task1241_ted_translation_gl_ar 6389
multilingual_ted | Translation | English, Galician, Italian
  task1243_ted_translation_gl_it 6397
  task1252_ted_translation_it_gl 6399
multilingual_ted | Translation | English, Galician, Persian
  task1245_ted_translation_gl_fa 6391
  task1270_ted_translation_fa_gl 6391
multilingual_ted | Translation | English, Galician, Spanish
  task1100_ted_translation_es_gl 6386
  task1240_ted_translation_gl_es 6385
multilingual_ted | Translation | English, Italian
  task1091_ted_translation_en_it 6424
  task1247_ted_translation_it_en 6424
multilingual_ted | Translation | English, Italian, Arabic
  task1106_ted_translation_ar_it 6419
  task1250_ted_translation_it_ar 6422
multilingual_ted | Translation | English, Italian, Spanish
  task1101_ted_translation_es_it 6418
  task1249_ted_translation_it_es 6418
multilingual_ted | Translation | English, Persian
  task1093_ted_translation_en_fa 6404
  task1265_ted_translation_fa_en 6403
multilingual_ted | Translation | English, Persian, Arabic
  task1108_ted_translation_ar_fa 6412
  task1268_ted_translation_fa_ar 6409
multilingual_ted | Translation | English, Persian, Italian
  task1254_ted_translation_it_fa 6443
  task1271_ted_translation_fa_it 6442
multilingual_ted | Translation | English, Persian, Spanish
  task1103_ted_translation_es_fa 6404
  task1267_ted_translation_fa_es 6403
multilingual_ted | Translation | English, Spanish
  task1219_ted_translation_en_es 6405
  task1226_ted_translation_es_en 6406
multilingual_ted | Translation | English, Spanish, Arabic
  task1232_ted_translation_ar_es 6425
multilingual_ted | Translation | Hebrew, English
  task1221_ted_translation_en_he 6423
  task1234_ted_translation_he_en 6423
multilingual_ted | Translation | Hebrew, English, Arabic
  task1233_ted_translation_ar_he 6424
  task1237_ted_translation_he_ar 6424
multilingual_ted | Translation | Hebrew, English, Galician
  task1110_ted_translation_he_gl 6391
  task1242_ted_translation_gl_he 6392
multilingual_ted | Translation | Hebrew, English, Italian
  task1111_ted_translation_he_it 6426
  task1251_ted_translation_it_he 6422
multilingual_ted | Translation | Hebrew, English, Persian
  task1113_ted_translation_he_fa 6425
  task1269_ted_translation_fa_he 6423
multilingual_ted | Translation | Hebrew, English, Polish
  task1112_ted_translation_he_pl 6393
multilingual_ted | Translation | Hebrew, English, Spanish
  task1229_ted_translation_es_he 6418
  task1236_ted_translation_he_es 6418
multilingual_ted | Translation | Japanese, English
  task1218_ted_translation_en_ja 6410
  task1222_ted_translation_ja_en 6407
multilingual_ted | Translation | Japanese, English, Arabic
  task1224_ted_translation_ja_ar 6429
  task1231_ted_translation_ar_ja 6432
multilingual_ted | Translation | Japanese, English, Galician
  task1095_ted_translation_ja_gl 6387
  task1239_ted_translation_gl_ja 6390
multilingual_ted | Translation | Japanese, English, Italian
  task1096_ted_translation_ja_it 6410
  task1248_ted_translation_it_ja 6410
multilingual_ted | Translation | Japanese, English, Persian
  task1098_ted_translation_ja_fa 6410
  task1266_ted_translation_fa_ja 6407
multilingual_ted | Translation | Japanese, English, Spanish
  task1223_ted_translation_ja_es 6416
  task1227_ted_translation_es_ja 6418
multilingual_ted | Translation | Japanese, Hebrew, English
  task1225_ted_translation_ja_he 6412
  task1235_ted_translation_he_ja 6412
multilingual_ted | Translation | Japanese, Polish, English
  task1097_ted_translation_ja_pl 6426
  task1257_ted_translation_pl_ja 6425
multilingual_ted | Translation | Japanese, Portuguese, English
  task1099_ted_translation_ja_pt 6396
multilingual_ted | Translation | Polish, English
  task1092_ted_translation_en_pl 6418
  task1256_ted_translation_pl_en 6419
multilingual_ted | Translation | Polish, English, Arabic
  task1107_ted_translation_ar_pl 6429
  task1259_ted_translation_pl_ar 6429
multilingual_ted | Translation | Polish, English, Galician
  task1244_ted_translation_gl_pl 6385
  task1261_ted_translation_pl_gl 6385
multilingual_ted | Translation | Polish, English, Hebrew
  task1260_ted_translation_pl_he 6393
multilingual_ted | Translation | Polish, English, Italian
  task1253_ted_translation_it_pl 6414
  task1262_ted_translation_pl_it 6414
multilingual_ted | Translation | Polish, English, Persian
  task1263_ted_translation_pl_fa 6398
  task1272_ted_translation_fa_pl 6396
multilingual_ted | Translation | Polish, English, Spanish
  task1102_ted_translation_es_pl 6399
  task1258_ted_translation_pl_es 6397
multilingual_ted | Translation | Portuguese, English
  task1094_ted_translation_en_pt 6397
  task1274_ted_translation_pt_en 6396
multilingual_ted | Translation | Portuguese, English, Arabic
  task1109_ted_translation_ar_pt 6399
  task1277_ted_translation_pt_ar 6397
multilingual_ted | Translation | Portuguese, English, Galician
  task1246_ted_translation_gl_pt 2755
  task1279_ted_translation_pt_gl 2754
multilingual_ted | Translation | Portuguese, English, Italian
  task1255_ted_translation_it_pt 6392
  task1280_ted_translation_pt_it 6391
multilingual_ted | Translation | Portuguese, English, Persian
  task1273_ted_translation_fa_pt 6381
  task1282_ted_translation_pt_fa 6381
multilingual_ted | Translation | Portuguese, English, Spanish
  task1104_ted_translation_es_pt 6398
  task1276_ted_translation_pt_es 6397
multilingual_ted | Translation | Portuguese, Hebrew, English
  task1114_ted_translation_he_pt 6407
  task1278_ted_translation_pt_he 6405
multilingual_ted | Translation | Portuguese, Japanese, English
  task1275_ted_translation_pt_ja 6394
multilingual_ted | Translation | Portuguese, Polish, English
  task1264_ted_translation_pl_pt 6386
  task1281_ted_translation_pt_pl 6385
multinli | Sentence Composition | English
  task203_mnli_sentence_generation 6499
multinli | Text Categorization | English
  task197_mnli_domain_answer_generation 6500
  task198_mnli_domain_classification 6500
  task204_mnli_same_genre_classification 6500
multinli | Textual Entailment | English
  task199_mnli_classification 6500
  task200_mnli_entailment_classification 4464
  task201_mnli_neutral_classification 6500
  task202_mnli_contradiction_classification 6498
multirc | Answer Verification | English
  task056_multirc_classify_correct_answer 1818
  task057_multirc_classify_incorrect_answer 2915
  task1392_superglue_multirc_answer_verification 6494
multirc | Answerability Classification | English
  task050_multirc_answerability 5912
multirc | Question Answering | English
  task049_multirc_questions_needed_to_answer 6500
  task051_multirc_correct_answer_single_sentence 2820
  task054_multirc_write_correct_answer 3623
  task058_multirc_question_answering 3623
multirc | Question Generation | English
  task048_multirc_question_generation 654 CCG licence (https://github.com/CogComp/multirc/blob/master/LICENSE)
multirc | Text Quality Evaluation | English
  task052_multirc_identify_bad_question 117
  task053_multirc_correct_bad_question 58
multirc | Wrong Candidate Generation | English
  task055_multirc_write_incorrect_answer 3622
mutual | Dialogue Generation | English
  task611_mutual_multi_turn_dialogue 6500
mwsc | Question Answering | English
  task490_mwsc_options_generation 100
  task491_mwsc_answer_generation 100
mwsc | Question Generation | English
  task489_mwsc_question_generation 100 CC BY 4.0
mwsc | Wrong Candidate Generation | English
  task492_mwsc_incorrect_answer_generation 100
narrativeqa | Question Generation | English
  task405_narrativeqa_question_generation 1569
natural_questions | Question Answering | English
  task582_naturalquestion_answer_generation 6500 CC BY-SA 3.0
ncbi_disease_corpus | Named Entity Recognition | English
  task1448_disease_entity_extraction_ncbi_dataset 151
news_commentary | Language Identification | Dutch, English, Spanish, German, Japanese, French, Czech, Arabic, Italian, Portuguese, Zhuang, Russian
  task1370_newscomm_classification 2418
news_commentary | Translation | Czech, English, Arabic
  task1374_newscomm_translation 996
news_commentary | Translation | Dutch, Portuguese, English
  task1375_newscomm_translation 2998
news_commentary | Translation | French, English
  task1371_newscomm_translation 1996
news_commentary | Translation | German, English, Spanish
  task1373_newscomm_translation 2996
news_commentary | Translation | Russian, French, English
  task1377_newscomm_translation 2000
news_commentary | Translation | Zhuang, English, Italian
  task1376_newscomm_translation 2000
news_editorials | Summarization | English
  task522_news_editorial_summary 163
news_headlines_dataset_for_sarcasm_detection | Text Categorization | English
  task1488_sarcasmdetection_headline_classification 504
nlg_bias | Text Categorization | English
  task364_regard_social_impact_classification 277
nlu_asdiv_dataset | Question Answering | English
  task861_asdiv_addsub_question_answering 846
  task862_asdiv_multidiv_question_answering 378
  task863_asdiv_multiop_question_answering 275
  task864_asdiv_singleop_question_answering 939
  task865_mawps_addsub_question_answering 1168
  task866_mawps_multidiv_question_answering 597
  task867_mawps_multiop_question_answering 780
  task868_mawps_singleop_question_answering 958
numeric_fused_head | Coreference Resolution | English
  task304_numeric_fused_head_resolution 6500
  task401_numeric_fused_head_reference 3747
numersense | Fill in The Blank | English
  task672_nummersense 6500
  task1359_numer_sense_answer_generation 5969
  task1360_numer_sense_multiple_choice_qa_generation 6232
nyc | Data to Text | English
  task1598_nyc_long_text_generation 6495
nyc | Information Extraction | English
  task1597_nyc_slot_filling 6495
odd_man_out | Text Categorization | English
  task143_odd-man-out_classification_generate_category 6500
odd_man_out | Word Semantics | English
  task141_odd-man-out_classification_category 6500
  task142_odd-man-out_classification_no_category 6500
offenseval_dravidian | Toxic Language Detection | English, Kannada
  task1539_kannada_offenseval_dravidian_classification 800
offenseval_dravidian | Toxic Language Detection | English, Malayalam
  task1538_malayalam_offenseval_dravidian_classification 350
offenseval_dravidian | Toxic Language Detection | English, Tamil
  task1537_tamil_offenseval_dravidian_classification 350
ohsumed | Information Extraction | English
  task621_ohsumed_yes_no_numerical_answer_generation 1135
ohsumed | Keyword Tagging | English
  task620_ohsumed_medical_subject_headings_answer_generation 1261 CC BY-NC 4.0
  task623_ohsumed_yes_no_answer_generation 400
ohsumed | Text Matching | English
  task624_ohsumed_question_answering 1263 CC BY-NC 4.0
ohsumed | Title Generation | English
  task619_ohsumed_abstract_title_generation 1259 CC BY-NC 4.0
olid | Toxic Language Detection | English
  task286_olid_offense_judgment 5985
ollie | Data to Text | English
  task677_ollie_sentence_answer_generation 4510
ollie | Information Extraction | English
  task676_ollie_relationship_answer_generation 6497
  task678_ollie_actual_relationship_answer_generation 6496
open_pi | Data to Text | English
  task1631_openpi_answer_generation 2990
open_pi | Text Categorization | English
  task1630_openpi_classification 797
openbookqa | Question Answering | English
  task1286_openbookqa_question_answering 5447
  task1399_obqa_answer_generation 1768
openbookqa | Question Generation | English
  task1398_obqa_question_generation 945
openbookqa | Sentence Composition | English
  task1401_obqa_sentence_generation 1758
openbookqa | Wrong Candidate Generation | English
  task1400_obqa_incorrect_answer_generation 1768
opensubtitles | Translation | English, Hindi
  task1323_open_subtitles_hi_en_translation 5732
  task1329_open_subtitles_en_hi_translation 5829
opensubtitles | Translation | English, Telugu
  task1324_open_subtitles_te_en_translation 5504
  task1330_open_subtitles_en_te_translation 5556
opp_115 | Information Extraction | English
  task683_online_privacy_policy_text_purpose_answer_generation 3079
  task684_online_privacy_policy_text_information_type_generation 3080
opp_115 | Text Categorization | English
  task682_online_privacy_policy_text_classification 661
opus_100 | Translation | English, Gujarati
  task1350_opus100_translation_en_gu 197
  task1351_opus100_translation_gu_en 195
opus_books | Translation | English, Catalan
  task1652_opus_books_ca-en_translation 1500
opus_books | Translation | English, Finnish
  task1650_opus_books_en-fi_translation 1492
opus_books | Translation | English, Norwegian
  task1649_opus_books_en-no_translation 800
opus_books | Translation | English, Spanish
  task1651_opus_books_en-es__translation 1500
opus_books | Translation | English, Swedish
  task1648_opus_books_en-sv_translation 1498
opus_books | Translation | Portuguese, English
  task1647_opus_books_en-pt_translation 1395
opus_paracrawl | Language Identification | Dutch, English, Tagalog, French, Somali
  task447_opus_paracrawl_classification 5982
opus_paracrawl | Translation | Igbo, English
  task449_opus_paracrawl_ig_en_translation 5942
  task452_opus_paracrawl_en_ig_translation 5988
opus_paracrawl | Translation | Somali, English
  task446_opus_paracrawl_en_so_translation 5991
  task450_opus_paracrawl_so_en_translation 5590
opus_paracrawl | Translation | Tagalog, English
  task448_opus_paracrawl_en_tl_translation 5991
  task451_opus_paracrawl_tl_en_translation 5985
opus_ted_talks | Translation | English, Croatian
  task1365_opustedtalks_translation 6342
  task1367_opustedtalks_translation 333
opus_xhosanavy | Information Extraction | English
  task874_opus_xhosanavy_sr 111
opus_xhosanavy | Translation | English, Xhosa
  task872_opus_xhosanavy_translation_eng_xhosa 5640
  task873_opus_xhosanavy_translation_xhosa_eng 5616
overruling | Text Categorization | English
  task274_overruling_legal_classification 2395
paper_reviews_data_set | Language Identification | English, Spanish
  task265_paper_reviews_language_identification 757
paper_reviews_data_set | Paper Review | English, Spanish
  task264_paper_reviews_accept_or_reject_classification 157
paper_reviews_data_set | Sentiment Analysis | English, Spanish
  task266_paper_reviews_reviewer_perspective_classification 397
para_nmt | Paraphrasing | English
  task177_para-nmt_paraphrasing 6500
para_pat | Translation | Czech, English
  task842_para_pdt_cs_en_translation 6482
para_pat | Translation | English, Spanish
  task840_para_pdt_en_es_translation 5772
para_pat | Translation | German, English
  task841_para_pdt_de_en_translation 4014
parsinlu | Translation | English, Arabic
  task650_opus100_ar_en_translation 6494
  task651_opus100_en_ar_translation 6493
parsinlu | Translation | English, Persian
  task652_parsinlu_en_fa_translation 2120
  task653_parsinlu_fa_en_translation 2122
  task654_bible_fa_en_translation 6494
  task655_bible_en_fa_translation 6494
  task656_quran_en_fa_translation 5921
  task657_quran_fa_en_translation 6151
  task658_tep_en_fa_translation 6494
  task659_tep_fa_en_translation 6494
  task660_mizan_fa_en_translation 6494
  task661_mizan_en_fa_translation 6494
  task662_global_voices_fa_en_translation 6492
  task663_global_voices_en_fa_translation 6494
pasinlu | Information Extraction | English, Persian
  task528_parsinlu_movie_aspect_detection 259
  task529_parsinlu_food_aspect_detection 1490
pasinlu | Paraphrasing | English, Persian
  task466_parsinlu_qqp_text_modification 1132
pasinlu | Question Answering | English, Persian
  task467_parsinlu_rc_answer_generation 1290
  task473_parsinlu_mc_classification 2455
pasinlu | Question Generation | English, Persian
  task468_parsinlu_rc_question_generation 1262
pasinlu | Question Understanding | English, Persian
  task474_parsinlu_mc_classification 2440
pasinlu | Sentiment Analysis | English, Persian
  task524_parsinlu_food_aspect_classification 1217
  task525_parsinlu_movie_aspect_classification 1125
  task526_parsinlu_movie_overal_classification 501
  task527_parsinlu_food_overal_classification 1007
pasinlu | Text Matching | English, Persian
  task465_parsinlu_qqp_classification 4636
pasinlu | Textual Entailment | English, Persian
  task463_parsinlu_entailment_classification 2660
  task464_parsinlu_entailment_sentence_generation 2661
paws | Text Matching | English
  task400_paws_paraphrase_classification 6486
paws_x | Paraphrasing | Chinese, English
  task775_pawsx_chinese_text_modification 250
paws_x | Paraphrasing | English
  task770_pawsx_english_text_modification 251 Dedicated License (https://github.com/google-research-datasets/paws/blob/master/LICENSE)
paws_x | Paraphrasing | English, Korean
  task771_pawsx_korean_text_modification 250
paws_x | Paraphrasing | English, Spanish
  task773_pawsx_spanish_text_modification 250
paws_x | Paraphrasing | French, English
  task772_pawsx_french_text_modification 250
paws_x | Paraphrasing | German, English
  task774_pawsx_german_text_modification 250
paws_x | Paraphrasing | Japanese, English
  task776_pawsx_japanese_text_modification 250
paws_x | Translation | Chinese, English
  task781_pawsx_english_chinese_translation 250
  task807_pawsx_chinese_english_translation 249
paws_x | Translation | Chinese, English, French
  task809_pawsx_chinese_french_translation 249
paws_x | Translation | Chinese, English, Korean
  task787_pawsx_korean_chinese_translation 249
  task808_pawsx_chinese_korean_translation 249
paws_x | Translation | Chinese, English, Spanish
  task799_pawsx_spanish_chinese_translation 249
  task810_pawsx_chinese_spanish_translation 249
paws_x | Translation | English, Korean
  task777_pawsx_english_korean_translation 250
  task783_pawsx_korean_english_translation 249
paws_x | Translation | English, Korean, Spanish
  task785_pawsx_korean_spanish_translation 249
  task796_pawsx_spanish_korean_translation 249
paws_x | Translation | English, Spanish
  task779_pawsx_english_spanish_translation 250
  task795_pawsx_spanish_english_translation 249
paws_x | Translation | French, Chinese, English
  task793_pawsx_french_chinese_translation 249
paws_x | Translation | French, English
  task778_pawsx_english_french_translation 250
  task789_pawsx_french_english_translation 249
paws_x | Translation | French, English, Korean
  task784_pawsx_korean_french_translation 249
  task790_pawsx_french_korean_translation 249
paws_x | Translation | French, English, Spanish
  task791_pawsx_french_spanish_translation 249
  task797_pawsx_spanish_french_translation 249
paws_x | Translation | German, Chinese, English
  task805_pawsx_german_chinese_translation 249
  task811_pawsx_chinese_german_translation 249
paws_x | Translation | German, English
  task780_pawsx_english_german_translation 250
  task801_pawsx_german_english_translation 249
paws_x | Translation | German, English, Korean
  task786_pawsx_korean_german_translation 249
  task802_pawsx_german_korean_translation 249
paws_x | Translation | German, English, Spanish
  task798_pawsx_spanish_german_translation 249
  task804_pawsx_german_spanish_translation 249
paws_x | Translation | German, French, English
  task792_pawsx_french_german_translation 249
  task803_pawsx_german_french_translation 249
paws_x | Translation | German, Japanese, English
  task806_pawsx_german_japanese_translation 249
paws_x | Translation | Japanese, Chinese, English
  task812_pawsx_chinese_japanese_translation 249
  task818_pawsx_japanese_chinese_translation 249
paws_x | Translation | Japanese, English
  task782_pawsx_english_japanese_translation 250
  task813_pawsx_japanese_english_translation 249
paws_x | Translation | Japanese, English, Korean
  task788_pawsx_korean_japanese_translation 249
  task814_pawsx_japanese_korean_translation 249
paws_x | Translation | Japanese, English, Spanish
  task800_pawsx_spanish_japanese_translation 249
  task816_pawsx_japanese_spanish_translation 249
paws_x | Translation | Japanese, French, English
  task794_pawsx_french_japanese_translation 249
  task815_pawsx_japanese_french_translation 249
paws_x | Translation | Japanese, German, English
  task817_pawsx_japanese_german_translation 249
pec | Sentiment Analysis | English
  task819_pec_sentiment_classification 76
peer_read | Title Generation | English
  task1540_parsed_pdfs_summarization 3000
penn_treebank | Pos Tagging | English
  task1167_penn_treebank_coarse_pos_tagging 6480
persent | Named Entity Recognition | English
  task419_persent_answer_generation 3354
persent | Sentiment Analysis | English
  task420_persent_document_sentiment_classification 3354
  task421_persent_sentence_sentiment_classification 6491
  task422_persent_sentence_sentiment_verification 6496
  task423_persent_document_sentiment_verification 6498
persent | Title Generation | English
  task418_persent_title_generation 3339
persianqa | Answerability Classification | English, Persian
  task396_persianqa_classification 6494
persianqa | Question Answering | English, Persian
  task395_persianqa_answer_generation 6495
persianqa | Question Generation | English, Persian
  task394_persianqa_question_generation 991
personachat | Dialogue Generation | English
  task1729_personachat_generate_next 6499 CC BY 4.0
  task1730_personachat_choose_next 6495
perspectrum | Textual Entailment | English
  task738_perspectrum_classification 6401
pib | Language Identification | English, Oriya, Hindi, Urdu, Panjabi, Telugu, Tamil, Malayalam, Bengali, Marathi, Gujarati
  task976_pib_indian_language_identification 1466
pib | Text Completion | English
  task105_story_cloze-rocstories_sentence_generation 6500 CC BY-SA 4.0
pib | Translation | Bengali, English, Gujarati
  task1068_pib_translation_gujarati_bengali 1496
pib | Translation | Bengali, English, Hindi
  task1010_pib_translation_hindi_bengali 1496
pib | Translation | Bengali, English, Urdu
  task1070_pib_translation_urdu_bengali 1496
pib | Translation | English, Bengali
  task995_pib_translation_bengali_english 1496
  task996_pib_translation_english_bengali 1496
pib | Translation | English, Gujarati
  task1079_pib_translation_english_gujarati 1496
  task1080_pib_translation_gujarati_english 1496
pib | Translation | English, Gujarati, Bengali
  task1067_pib_translation_bengali_gujarati 1496
pib | Translation | English, Gujarati, Hindi
  task1034_pib_translation_hindi_gujarati 1496
pib | Translation | English, Gujarati, Urdu
  task1002_pib_translation_urdu_gujarati 1496
pib | Translation | English, Hindi
  task1023_pib_translation_english_hindi 1496
  task1024_pib_translation_hindi_english 1496
pib | Translation | English, Hindi, Bengali
  task1009_pib_translation_bengali_hindi 1496
pib | Translation | English, Hindi, Gujarati
  task1033_pib_translation_gujarati_hindi 1496
pib | Translation | English, Hindi, Urdu
  task1054_pib_translation_urdu_hindi 1496
pib | Translation | English, Malayalam
  task1021_pib_translation_english_malayalam 1496
  task1022_pib_translation_malayalam_english 1496
pib | Translation | English, Malayalam, Bengali
  task1003_pib_translation_bengali_malayalam 1496
  task1004_pib_translation_malayalam_bengali 1496
pib | Translation | English, Malayalam, Gujarati
  task1041_pib_translation_gujarati_malayalam 1496
  task1042_pib_translation_malayalam_gujarati 1496
pib | Translation | English, Malayalam, Hindi
  task1017_pib_translation_hindi_malayalam 1496
  task1018_pib_translation_malayalam_hindi 1496
pib | Translation | English, Malayalam, Urdu
  task1059_pib_translation_malayalam_urdu 1216
  task1060_pib_translation_urdu_malayalam 1216
pib | Translation | English, Marathi
  task1085_pib_translation_english_marathi 1496
  task1086_pib_translation_marathi_english 1496
pib | Translation | English, Marathi, Bengali
  task1061_pib_translation_bengali_marathi 1496
  task1062_pib_translation_marathi_bengali 1496
pib | Translation | English, Marathi, Gujarati
  task983_pib_translation_gujarati_marathi 1496
  task984_pib_translation_marathi_gujarati 1496
pib | Translation | English, Marathi, Hindi
  task1081_pib_translation_hindi_marathi 1496
  task1082_pib_translation_marathi_hindi 1496
pib | Translation | English, Marathi, Malayalam
  task1071_pib_translation_malayalam_marathi 1496
pib | Translation | English, Marathi, Oriya
  task1056_pib_translation_oriya_marathi 863
pib | Translation | English, Marathi, Telugu
  task1028_pib_translation_telugu_marathi 825
pib | Translation | English, Marathi, Urdu
  task989_pib_translation_marathi_urdu 1496
  task990_pib_translation_urdu_marathi 1496
pib | Translation | English, Oriya
  task987_pib_translation_english_oriya 1496
  task988_pib_translation_oriya_english 1496
pib | Translation | English, Oriya, Bengali
  task997_pib_translation_bengali_oriya 486
  task998_pib_translation_oriya_bengali 486
pib | Translation | English, Oriya, Gujarati
  task1077_pib_translation_gujarati_oriya 616
  task1078_pib_translation_oriya_gujarati 616
pib | Translation | English, Oriya, Hindi
  task985_pib_translation_hindi_oriya 1496
  task986_pib_translation_oriya_hindi 1496
pib | Translation | English, Oriya, Urdu
  task977_pib_translation_oriya_urdu 737
  task978_pib_translation_urdu_oriya 737
pib | Translation | English, Tamil
  task991_pib_translation_english_tamil 1496
  task992_pib_translation_tamil_english 1496
pib | Translation | English, Tamil, Bengali
  task981_pib_translation_bengali_tamil 1496
  task982_pib_translation_tamil_bengali 1496
pib | Translation | English, Tamil, Gujarati
  task1063_pib_translation_gujarati_tamil 1496
  task1064_pib_translation_tamil_gujarati 1496
pib | Translation | English, Tamil, Hindi
  task993_pib_translation_hindi_tamil 1496
  task994_pib_translation_tamil_hindi 1496
pib | Translation | English, Tamil, Malayalam
  task999_pib_translation_malayalam_tamil 1496
  task1000_pib_translation_tamil_malayalam 1496
pib | Translation | English, Tamil, Marathi
  task1083_pib_translation_marathi_tamil 1496
  task1084_pib_translation_tamil_marathi 1496
pib | Translation | English, Tamil, Oriya
  task1073_pib_translation_oriya_tamil 970
  task1074_pib_translation_tamil_oriya 970
pib | Translation | English, Tamil, Telugu
  task1075_pib_translation_tamil_telugu 1496
  task1076_pib_translation_telugu_tamil 1496
pib | Translation | English, Tamil, Urdu
  task1035_pib_translation_tamil_urdu 1496
  task1036_pib_translation_urdu_tamil 1496
pib | Translation | English, Telugu
  task1047_pib_translation_english_telugu 1496
  task1048_pib_translation_telugu_english 1496
pib | Translation | English, Telugu, Bengali
  task1031_pib_translation_bengali_telugu 913
  task1032_pib_translation_telugu_bengali 913
pib | Translation | English, Telugu, Gujarati
  task1013_pib_translation_gujarati_telugu 1496
  task1014_pib_translation_telugu_gujarati 1496
pib | Translation | English, Telugu, Hindi
  task1045_pib_translation_hindi_telugu 1496
  task1046_pib_translation_telugu_hindi 1496
pib | Translation | English, Telugu, Urdu
  task1037_pib_translation_telugu_urdu 560
  task1038_pib_translation_urdu_telugu 560
pib | Translation | English, Urdu
  task1057_pib_translation_english_urdu 1496
  task1058_pib_translation_urdu_english 1496
pib | Translation | Malayalam, English, Marathi
  task1072_pib_translation_marathi_malayalam 1496
pib | Translation | Malayalam, English, Oriya
  task980_pib_translation_oriya_malayalam 372
pib | Translation | Malayalam, English, Telugu
  task1050_pib_translation_telugu_malayalam 1192
pib | Translation | Oriya, English, Malayalam
  task979_pib_translation_malayalam_oriya 372
pib | Translation | Oriya, English, Marathi
  task1055_pib_translation_marathi_oriya 863
pib | Translation | Oriya, English, Telugu
  task1020_pib_translation_telugu_oriya 179
pib | Translation | Panjabi, English
  task1007_pib_translation_english_punjabi 1496
  task1008_pib_translation_punjabi_english 1496
pib | Translation | Panjabi, English, Bengali
  task1025_pib_translation_bengali_punjabi 1496
  task1026_pib_translation_punjabi_bengali 1496
pib | Translation | Panjabi, English, Gujarati
  task1043_pib_translation_gujarati_punjabi 1496
  task1044_pib_translation_punjabi_gujarati 1496
pib | Translation | Panjabi, English, Hindi
  task1011_pib_translation_hindi_punjabi 1496
  task1012_pib_translation_punjabi_hindi 1496
pib | Translation | Panjabi, English, Malayalam
  task1005_pib_translation_malayalam_punjabi 1496
  task1006_pib_translation_punjabi_malayalam 1496
pib | Translation | Panjabi, English, Marathi
  task1029_pib_translation_marathi_punjabi 1496
  task1030_pib_translation_punjabi_marathi 1496
pib | Translation | Panjabi, English, Oriya
  task1039_pib_translation_oriya_punjabi 885
  task1040_pib_translation_punjabi_oriya 885
pib | Translation | Panjabi, English, Tamil
  task1015_pib_translation_punjabi_tamil 1496
  task1016_pib_translation_tamil_punjabi 1496
pib | Translation | Panjabi, English, Telugu
  task1065_pib_translation_punjabi_telugu 1082
  task1066_pib_translation_telugu_punjabi 1082
pib | Translation | Panjabi, English, Urdu
  task1051_pib_translation_punjabi_urdu 1496
  task1052_pib_translation_urdu_punjabi 1496
pib | Translation | Telugu, English, Malayalam
  task1049_pib_translation_malayalam_telugu 1192
pib | Translation | Telugu, English, Marathi
  task1027_pib_translation_marathi_telugu 825
pib | Translation | Telugu, English, Oriya
  task1019_pib_translation_oriya_telugu 179
pib | Translation | Urdu, English, Bengali
  task1069_pib_translation_bengali_urdu 1496
pib | Translation | Urdu, English, Gujarati
  task1001_pib_translation_gujarati_urdu 1496
pib | Translation | Urdu, English, Hindi
  task1053_pib_translation_hindi_urdu 1496
pico | Information Extraction | English
  task179_participant_extraction 423
  task180_intervention_extraction 423
  task181_outcome_extraction 423
piqa | Question Answering | English
  task080_piqa_answer_generation 6500 AFL 3.0
piqa | Wrong Candidate Generation | English
  task081_piqa_wrong_answer_generation 6498 AFL 3.0
poem_sentiment | Sentiment Analysis | English
  task833_poem_sentiment_classification 284
points_of_correspondence | Overlap Extraction | English
  task281_points_of_correspondence 1475
poki | Poem Generation | English
  task1711_poki_text_generation 6442
poki | Text Categorization | English
  task1712_poki_classification 6448
poleval2019_mt | Text Matching | Polish, English
  task832_poleval2019_mt_classification 978
poleval2019_mt | Translation | Polish, English
  task830_poleval2019_mt_translation 969
prepositional_paraprasing | Preposition Prediction | English
  task585_preposition_classification 926
propara | Information Extraction | English
  task1568_propara_classification 162
propara | Named Entity Recognition | English
  task1566_propara_structured_text_generation 200 Apache 2.0
propara | Question Generation | English
  task1567_propara_question_generation 200
prost | Question Generation | English
  task859_prost_question_generation 94 Apache 2.0
  task860_prost_mcq_generation 204
  task861_prost_mcq_answers_generation 97 Apache 2.0
proto_qa | Question Answering | English
  task820_protoqa_answer_generation 5000
proto_qa | Question Generation | English
  task821_protoqa_question_generation 5000
pubmed_qa | Answer Verification | English
  task846_pubmedqa_classification 6500
pubmed_qa | Intent Identification | English
  task848_pubmedqa_classification 6499
pubmed_qa | Question Answering | English
  task849_pubmedqa_answer_generation 6499
pubmed_qa | Question Generation | English
  task845_pubmedqa_question_generation 6499
  task847_pubmedqa_question_generation 6499
qa_srl | Question Answering | English
  task1520_qa_srl_answer_generation 834
qa_srl | Question Generation | English
  task1519_qa_srl_question_generation 343
qanta | Text Categorization | English
  task521_trivia_question_classification 6492
qasc | Keyword Tagging | English
  task036_qasc_topic_word_to_generate_related_fact 922
qasc | Overlap Extraction | English
  task039_qasc_find_overlapping_words 6500
qasc | Question Answering | English
  task041_qasc_answer_generation 6500
  task1297_qasc_question_answering 6494
qasc | Question Generation | English
  task040_qasc_question_generation 6500 CC BY 4.0
qasc | Sentence Composition | English
  task037_qasc_generate_related_fact 6500 CC BY 4.0
  task038_qasc_combined_fact 6500
qasc | Wrong Candidate Generation | English
  task042_qasc_incorrect_option_generation 6500
qasper | Question Answering | English
  task460_qasper_answer_generation 2672
qasper | Question Generation | English
  task461_qasper_question_generation 2613 CC BY 4.0
qasper | Question Understanding | English
  task462_qasper_classification 1337
qed | Question Answering | English
  task768_qed_text_span_selection 196
qed | Title Generation | English
  task769_qed_summarization 1000 CC BY-SA, GFDL
qed_amara | Translation | English, Spanish
  task1691_qed_amara_translation 6368
  task1692_qed_amara_translation 6385
qed_amara | Translation | French, English
  task1689_qed_amara_translation 6326
  task1690_qed_amara_translation 6338
qqp | Question Rewriting | English
  task1345_glue_qqp_question_paraprashing 6500
qqp | Text Matching | English
  task1287_glue_qqp_paraphrasing 6493
quail | Question Answering | English
  task887_quail_answer_generation 500
quail | Question Generation | English
  task886_quail_question_generation 500 CC BY-NC-SA 4.0
quarel | Question Answering | English
  task1378_quarel_correct_answer_generation 798
  task1380_quarel_correct_option_generation 798
  task1382_quarel_write_correct_answer 798
quarel | Wrong Candidate Generation | English
  task1379_quarel_incorrect_answer_generation 798
  task1381_quarel_incorrect_option_generation 798
  task1383_quarel_write_incorrect_answer 798
quartz | Explanation | English
  task223_quartz_explanation_generation 3861
quartz | Question Answering | English
  task178_quartz_question_answering 3846
  task1731_quartz_question_answering 2680
question_&_answer_zre | Question Answering | English
  task1327_qa_zre_answer_generation_from_question 6061
question_&_answer_zre | Question Generation | English
  task1325_qa_zre_question_generation_on_subject_relation 5132
  task1326_qa_zre_question_generation_from_answer 5529
question_&_answer_zre | Question Understanding | English
  task1328_qa_zre_relation_generation_from_question 5840
quoref | Question Answering | English
  task002_quoref_answer_generation 6500 CC BY 4.0
quoref | Question Generation | English
  task001_quoref_question_generation 4225
race | Question Answering | English
  task309_race_answer_generation 6500
  task310_race_classification 6500
race | Question Generation | English
  task311_race_question_generation 6499
  task649_race_blank_question_generation 6500
recipe_nlg | Fill in The Blank | English
  task572_recipe_nlg_text_generation 3736
recipe_nlg | Named Entity Recognition | English
  task570_recipe_nlg_ner_generation 5499
  task571_recipe_nlg_ner_generation 5997
recipe_nlg | Title Generation | English
  task569_recipe_nlg_text_generation 6489
record | Question Answering | English
  task302_record_classification 6497
  task339_record_answer_generation 6497
record | Question Generation | English
  task301_record_question_generation 6497
record | Wrong Candidate Generation | English
  task303_record_incorrect_answer_generation 6497
reddit_tifu_dataset | Summarization | English
  task511_reddit_tifu_long_text_summarization 6500 MIT
reddit_tifu_dataset | Title Generation | English
  task510_reddit_tifu_title_summarization 6499
refresd | Text Matching | French, English
  task643_refresd_classification 400
refresd | Translation | French, English
  task644_refresd_translation 367
ro_sts_parallel | Translation | English, Romanian
  task1435_ro_sts_parallel_language_translation_ro_to_en 5991 CC BY-SA 4.0
  task1436_ro_sts_parallel_language_translation_en_to_ro 5079
roc_stories | Coherence Classification | English
  task298_storycloze_correct_end_classification 3769
roc_stories | Sentence Ordering | English
  task300_storycloze_order_generation 6500
roc_stories | Text Completion | English
  task296_storycloze_correct_end_classification 1883
  task297_storycloze_incorrect_end_classification 1883
  task299_storycloze_sentence_generation 6497
rocstories | Sentence Ordering | English
  task217_rocstories_ordering_answer_generation 6500
  task218_rocstories_swap_order_answer_generation 6500
rocstories | Text Completion | English
  task213_rocstories_correct_ending_classification 6500
  task214_rocstories_incorrect_ending_classification 6500
  task215_rocstories_incorrect_answer_generation 6500
  task216_rocstories_correct_answer_generation 6500
  task221_rocstories_two_choice_classification 6500
  task222_rocstories_two_chioce_slotting_classification 6500
rocstories | Title Generation | English
  task219_rocstories_title_answer_generation 6500
  task220_rocstories_title_classification 6499
root09 | Word Relation Classification | English
  task1505_root09_semantic_relation_classification 3174
root09 | Word Semantics | English
  task1585_root09_hypernym_generation 563
ropes | Question Answering | English
  task061_ropes_answer_generation 6500
ropes | Question Generation | English
  task060_ropes_question_generation 1613
ropes | Story Composition | English
  task059_ropes_story_generation 521 CC BY 4.0
rotten_tomatoe | Sentiment Analysis | English
  task888_reviews_classification 500
rte | Textual Entailment | English
  task1344_glue_entailment_classification 2480
rtgender | Sentiment Analysis | English
  task823_peixian-rtgender_sentiment_analysis 5000
ruletaker | Fact Verification | English
  task966_ruletaker_fact_checking_based_on_given_context 300
ruletaker | Wrong Candidate Generation | English
  task967_ruletaker_incorrect_fact_generation_based_on_given_paragraph 296 Apache 2.0
samsum | Coherence Classification | English
  task1573_samsum_classification 308
samsum | Summarization | English
  task1572_samsum_summary 200
sarcasm_in_twitter | Text Categorization | English
  task1489_sarcasmdetection_tweet_classification 118
sbic | Toxic Language Detection | English
  task607_sbic_intentional_offense_binary_classification 1731
  task608_sbic_sexual_offense_binary_classification 3716
  task609_sbic_potentially_offense_binary_classification 2946
scan | Code to Text | English
  task127_scan_long_text_generation_action_command_all 6497
  task129_scan_long_text_generation_action_command_short 6497
  task131_scan_long_text_generation_action_command_long 1836
scan | Text to Code | English
  task126_scan_structured_text_generation_command_action_all 6500
  task128_scan_structured_text_generation_command_action_short 6500
  task130_scan_structured_text_generation_command_action_long 3920
schema_guided_dstc8 | Dialogue Act Recognition | English
  task879_schema_guided_dstc8_classification 2305
  task880_schema_guided_dstc8_classification 1343
schema_guided_dstc8 | Text Categorization | English
  task881_schema_guided_dstc8_classification 1160
scifact | Text Matching | English
  task1587_scifact_classification 5000
scifact | Text Quality Evaluation | English
  task1589_scifact_classification 1576
scifact | Title Generation | English
  task1586_scifact_title_generation 5000
sciq | Explanation | English
  task593_sciq_explanation_generation 2900
sciq | Question Answering | English
  task591_sciq_answer_generation 6500 CC BY-NC 3.0
sciq | Question Generation | English
  task594_sciq_question_generation 6500
sciq | Wrong Candidate Generation | English
  task592_sciq_incorrect_answer_generation 6499 CC BY-NC 3.0
scitail | Question Answering | English
  task1555_scitail_answer_generation 3104
scitail | Question Generation | English
  task1552_scitail_question_generation 3104 Apache 2.0
scitail | Sentence Composition | English
  task1556_scitail_passage_generation 3111
scitail | Textual Entailment | English
  task1554_scitail_classification 6495
scitailv1.1 | Sentence Composition | English
  task1530_scitail1.1_sentence_generation 456 Apache 2.0
scitailv1.1 | Textual Entailment | English
  task1529_scitail1.1_classification 5060
scitldr | Summarization | English
  task668_extreme_abstract_summarization 3221
scruples | Ethics Classification | English
  task106_scruples_ethical_judgment 5997
  task224_scruples_anecdotes_ethical_judgment 2053
  task498_scruples_anecdotes_whoiswrong_classification 3644
  task502_scruples_anecdotes_whoiswrong_verification 6500
  task503_scruples_anecdotes_isanswerable 597
  task508_scruples_dilemmas_more_ethical_isidentifiable 6498
scruples | Text Categorization | English
  task282_scruples_event_time 1113
  task501_scruples_anecdotes_post_type_verification 6500
scruples | Title Generation | English
  task500_scruples_anecdotes_title_generation 6500
semantic_parser_localizer | Translation | Chinese, English
  task253_spl_translation_en_zh 358
  task260_spl_translation_zh_en 364
semantic_parser_localizer | Translation | English, Arabic
  task250_spl_translation_en_ar 358
  task257_spl_translation_ar_en 365
semantic_parser_localizer | Translation | English, Finnish
  task251_spl_translation_en_fi 359
  task254_spl_translation_fi_en 362
semantic_parser_localizer | Translation | English, Italian
  task173_spl_translation_en_it 357
  task255_spl_translation_it_en 362
semantic_parser_localizer | Translation | English, Persian
  task172_spl_translation_en_fa 358
  task258_spl_translation_fa_en 364
semantic_parser_localizer | Translation | English, Spanish
  task171_spl_translation_en_es 359
  task261_spl_translation_es_en 365
semantic_parser_localizer | Translation | German, English
  task117_spl_translation_en_de 358
  task256_spl_translation_de_en 363
semantic_parser_localizer | Translation | Japanese, English
  task174_spl_translation_en_ja 358
  task262_spl_translation_ja_en 360
semantic_parser_localizer | Translation | Polish, English
  task175_spl_translation_en_pl 359
  task263_spl_translation_pl_en 364
semantic_parser_localizer | Translation | Turkish, English
  task252_spl_translation_en_tr 358
  task259_spl_translation_tr_en 367
semeval_2018_task1 | Sentiment Analysis | English
  task397_semeval_2018_task1_tweet_anger_detection 2602
  task398_semeval_2018_task1_tweet_joy_detection 1795
  task399_semeval_2018_task1_tweet_sadness_detection 2899
semeval_2018_task3 | Irony Detection | English
  task386_semeval_2018_task3_irony_detection 1825
  task387_semeval_2018_task3_irony_classification 1029
semeval_2019_task_10 | Question Answering | English
  task104_semeval_2019_task10_closed_vocabulary_mathematical_answer_generation 683
  task118_semeval_2019_task10_open_vocabulary_mathematical_answer_generation 243
  task119_semeval_2019_task10_geometric_mathematical_answer_generation 131
semeval_2020_task4 | Commonsense Classification | English
  task291_semeval_2020_task4_commonsense_validation 5995
semeval_2020_task4 | Explanation | English
  task295_semeval_2020_task4_commonsense_reasoning 5996
semeval_2020_task_7 | Text Categorization | English
  task495_semeval_headline_classification 6495
  task496_semeval_answer_generation 4795
sentence_compression | Summarization | English
  task1355_sent_comp_summarization 999
sentence_compression | Text Matching | English
  task1354_sent_comp_classification 999
senteval | Linguistic Probing | English
  task428_senteval_inversion 6499
  task429_senteval_tense 6486
  task430_senteval_subject_count 6500
  task431_senteval_object_count 6498
  task515_senteval_odd_word_out 6500
  task516_senteval_conjoints_inversion 6499
sentiment140 | Sentiment Analysis | English
  task195_sentiment140_classification 6500
  task196_sentiment140_answer_generation 6500
sherliic | Sentiment Analysis | English, Thai
  task974_prachathai67k_sentiment_classification 350
  task975_prachathai67k_same_genre_classification 350
sherliic | Textual Entailment | English
  task970_sherliic_causal_relationship 2358
sick | Paraphrasing | English
  task1614_sick_text_modify 868 CC BY-NC-SA 3.0
sick | Sentence Composition | English
  task1613_sick_given_category_generate_sentence 1083 CC BY-NC-SA 3.0
sick | Textual Entailment | English
  task1612_sick_label_classification 1800
  task1615_sick_tclassify_b_relation_a 1797
smcalflow | Dialogue Generation | English
  task1600_smcalflow_sentence_generation 1029 CC BY-SA 4.0
  task1603_smcalflow_sentence_generation 2779 CC BY-SA 4.0
smcalflow | Speaker Identification | English
  task1599_smcalflow_classification 3810
sms_spam_collection_v.1 | Spam Classification | English
  task109_smsspamcollection_spamsmsdetection 1065
snli | Sentence Composition | English
  task184_snli_entailment_to_neutral_text_modification 6499
  task185_snli_contradiction_to_neutral_text_modification 6500 CC BY-SA 4.0
  task186_snli_contradiction_to_entailment_text_modification 6500 CC BY-SA 4.0
  task187_snli_entailment_to_contradiction_text_modification 6500 CC BY-SA 4.0
  task188_snli_neutral_to_entailment_text_modification 6500 CC BY-SA 4.0
  task189_snli_neutral_to_contradiction_text_modification 6500 CC BY-SA 4.0
snli | Textual Entailment | English
  task190_snli_classification 6500
social_iqa | Answer Verification | English
  task579_socialiqa_classification 6500
social_iqa | Question Answering | English
  task385_socialiqa_incorrect_answer_generation 6500
  task580_socialiqa_answer_generation 6500
social_iqa | Question Generation | English
  task581_socialiqa_question_generation 6500
social_iqa | Question Understanding | English
  task384_socialiqa_question_classification 4875
splash | Text to Code | English
  task076_splash_correcting_sql_mistake 2098
  task077_splash_explanation_to_sql 3603
  task107_splash_question_to_sql 2031
spolin | Dialogue Act Recognition | English
  task362_spolin_yesand_prompt_response_sub_classification 6395
spolin | Dialogue Generation | English
  task360_spolin_yesand_response_generation 6403 CC BY-NC 4.0
  task361_spolin_yesand_prompt_response_classification 6430 CC BY-NC 4.0
sqac | Question Answering | English, Spanish
  task1334_sqac_answer_generation 6500
sqac | Question Generation | English, Spanish
  task1335_sqac_question_generation 6500
squad2.0 | Answerability Classification | English
  task349_squad2.0_answerable_unanswerable_question_classification 6498
squad2.0 | Question Generation | English
  task348_squad2.0_unanswerable_question_generation 6500
squad_1.1 | Question Answering | English
  task075_squad1.1_answer_generation 6498
squad_1.1 | Question Generation | English
  task074_squad1.1_question_generation 6500
sst2 | Sentiment Analysis | English
  task363_sst2_polarity_classification 6495
starcon | Stance Detection | English
  task209_stancedetection_classification 1526
  task513_argument_stance_classification 167
starcon | Text Matching | English
  task514_argument_consequence_classification 172
stereoset | Fill in The Blank | English
  task277_stereoset_sentence_generation_stereotype 990
  task278_stereoset_sentence_generation_antistereotype 737 CC BY-SA 4.0
stereoset | Stereotype Detection | English
  task279_stereoset_classification_stereotype 6490
  task318_stereoset_classification_gender 723
  task319_stereoset_classification_profession 2476
  task320_stereoset_classification_race 2925
  task321_stereoset_classification_religion 228
stereoset | Text Categorization | English
  task280_stereoset_classification_stereotype_type 3708
storycommonsense | Information Extraction | English
  task292_storycommonsense_character_text_generation 6499
storycommonsense | Intent Identification | English
  task294_storycommonsense_motiv_text_generation 6500
storycommonsense | Sentiment Analysis | English
  task293_storycommonsense_emotion_text_generation 6500
strategyqa | Question Decomposition | English
  task168_strategyqa_question_decomposition 3021
strategyqa | Question Generation | English
  task167_strategyqa_question_generation 2354
strategyqa | Sentence Generation | English
  task169_strategyqa_sentence_generation 4244
sts_b | Text Matching | English
  task1347_glue_sts-b_similarity_classification 3000
subjqa | Question Answering | English
  task144_subjqa_question_answering 653
svamp | Question Answering | English
  task751_svamp_subtraction_question_answering 531
  task752_svamp_multiplication_question_answering 108
  task753_svamp_addition_question_answering 195
  task754_svamp_common-division_question_answering 165
swag | Text Completion | English
  task453_swag_answer_generation 6500
  task455_swag_context_generation 6500 MIT
swag | Wrong Candidate Generation | English
  task454_swag_incorrect_answer_generation 6500 MIT
synthetic | Clock Format Conversion | English
  task1498_24hour_to_12hour_clock 196
synthetic | Date Validity Prediction | English
  task1333_check_validity_date_ddmmyyyy 177
  task1403_check_validity_date_mmddyyyy 196
synthetic | Edible Prediction | English
  task1149_item_check_edible 119
synthetic | Grammar Error Detection | English
  task089_swap_words_verification 6495
synthetic | Information Extraction | English
  task1506_celebrity_minimal_dob_span 229
synthetic | Leap Year Prediction | English
  task1332_check_leap_year 200
synthetic | Mathematics | English
  task085_unnatural_addsub_arithmetic 6500
  task087_new_operator_addsub_arithmetic 6500
  task090_equation_learner_algebra 4317
  task092_check_prime_classification 6500
synthetic | Mathematics | English, Italian
  task086_translated_symbol_arithmetic 6500
synthetic | Pos Tagging | English
  task155_count_nouns_verbs 6440
synthetic | Program Execution | English
  task063_first_i_elements 6499
  task064_all_elements_except_first_i 6500
  task078_all_elements_except_last_i 6500
  task091_all_elements_from_index_i_to_j 6499
  task099_reverse_elements_between_index_i_and_j 6499
  task100_concatenate_all_elements_from_index_i_to_j 6500
  task101_reverse_and_concatenate_all_elements_from_index_i_to_j 6500
  task113_count_frequency_of_letter 6500
  task157_count_vowels_and_consonants 6500
  task158_count_frequency_of_words 2047
  task159_check_frequency_of_words_in_sentence_pair 6500
  task160_replace_letter_in_a_sentence 6500
  task161_count_words_containing_letter 6427
  task162_count_words_starting_with_letter 3728
  task163_count_words_ending_with_letter 5761
  task205_remove_even_elements 5000
  task206_collatz_conjecture 4997
  task207_max_element_lists 5000
  task208_combinations_of_list 4985
  task243_count_elements_in_set_intersection 998
  task244_count_elements_in_set_union 1000
  task245_check_presence_in_set_intersection 3865
  task267_concatenate_and_reverse_all_elements_from_index_i_to_j 6500
  task365_synthetic_remove_vowels 6468
  task366_synthetic_return_primes 6500
  task367_synthetic_remove_floats 6500
  task368_synthetic_even_or_odd_calculation 6495
  task369_synthetic_remove_odds 6493
  task370_synthetic_remove_divisible_by_3 6497
  task371_synthetic_product_of_list 6499
  task372_synthetic_palindrome_numbers 6500
  task373_synthetic_round_tens_place 6500
  task374_synthetic_pos_or_neg_calculation 6497
  task376_reverse_order_of_words 6500
  task377_remove_words_of_given_length 6499
  task378_reverse_words_of_given_length 6500
  task488_extract_all_alphabetical_elements_from_list_in_order 6500
  task497_extract_all_numbers_from_list_in_order 6499
  task499_extract_and_add_all_numbers_from_list 6499
  task504_count_all_alphabetical_elements_in_list 6500
  task505_count_all_numerical_elements_in_list 6500
  task506_position_of_all_alphabetical_elements_in_list 6499
  task507_position_of_all_numerical_elements_in_list 6500
  task509_collate_of_all_alphabetical_and_numerical_elements_in_list_separately 6499
  task523_find_if_numbers_or_alphabets_are_more_in_list 6500
  task600_find_the_longest_common_substring_in_two_strings 6500
  task605_find_the_longest_common_subsequence_in_two_lists 6500
  task606_sum_of_all_numbers_in_list_between_positions_i_and_j 6499
  task622_replace_alphabets_in_a_list_by_their_position_in_english_alphabet 6500
  task636_extract_and_sort_unique_alphabets_in_a_list 6499
  task637_extract_and_sort_unique_digits_in_a_list 6488
  task755_find_longest_substring_and_replace_its_sorted_lowercase_version_in_both_lists 6500
  task756_find_longert_substring_and_return_all_unique_alphabets_in_it 6500
  task850_synthetic_longest_palindrome 6500
  task851_synthetic_multiply_evens 6500
  task852_synthetic_multiply_odds 6500
  task1087_two_number_sum 200
  task1088_array_of_products 150
  task1089_check_monotonic_array 159
  task1148_maximum_ascii_value 200
  task1150_delete_max_min 150
  task1151_swap_max_min 200
  task1188_count_max_freq_char 196
  task1189_check_char_in_string 196
  task1190_add_integer_to_list 196
  task1194_kth_largest_element 200
  task1315_find_range_array 200
  task1316_remove_duplicates_string 200
  task1331_reverse_array 196
  task1404_date_conversion 196
  task1405_find_median 196
  task1406_kth_smallest_element 196
  task1443_string_to_number 6498
  task1444_round_power_of_two 6500
  task1445_closest_integers 6500
  task1446_farthest_integers 6500
  task1542_every_ith_element_from_starting 6500
  task1551_every_ith_element_from_kth_element 6499
synthetic | Rhyme Generation | English
  task183_rhyme_generation 999
synthetic | Spelling Error Detection | English
  task088_identify_typo_verification 6499
synthetic | Temporal Reasoning | English
  task1507_boolean_temporal_reasoning 6459
tecla | Text Categorization | English, Catalan
  task1588_tecla_classification 950
tellmewhy | Answerability Classification | English
  task290_tellmewhy_question_answerability 3482
tellmewhy | Question Answering | English
  task332_tellmewhy_answer_generation 976
timetravel | Coherence Classification | English
  task065_timetravel_consistent_sentence_classification 6500
  task066_timetravel_binary_consistency_classification 6500
timetravel | Story Composition | English
  task269_csrg_counterfactual_story_generation 6400
  task270_csrg_counterfactual_context_generation 6400
tom_qa | Question Answering | English
  task151_tomqa_find_location_easy_clean 6500
  task152_tomqa_find_location_easy_noise 6500
  task153_tomqa_find_location_hard_clean 6500
  task154_tomqa_find_location_hard_noise 6500
torque | Information Extraction | English
  task388_torque_token_classification 2267 Apache 2.0
torque | Question Answering | English
  task390_torque_text_span_selection 6499
torque | Question Generation | English
  task389_torque_generate_temporal_question 2267 Apache 2.0
trec | Question Understanding | English
  task1289_trec_classification 5376
trianglecopa | Question Generation | English
  task1665_trainglecopa_question_generation 100
triviaqa | Question Answering | English
  task1564_triviaqa_answer_generation 109
  task1565_triviaqa_classification 108
turk | Text Simplification | English
  task934_turk_simplification 2356 GPL 3.0
tweetqa | Answer Verification | English
  task241_tweetqa_classification 5995
tweetqa | Answerability Classification | English
  task242_tweetqa_classification 5994
tweetqa | Question Answering | English
  task239_tweetqa_answer_generation 6498
tweetqa | Question Generation | English
  task240_tweetqa_question_generation 6496
universal_dependencies___english_dependency_treebank | Pos Tagging | English
  task583_udeps_eng_coarse_pos_tagging 6061
  task584_udeps_eng_fine_pos_tagging 5979
viquiquad | Question Answering | English, Catalan
  task837_viquiquad_answer_generation 2477
viquiquad | Question Generation | English, Catalan
  task836_viquiquad_question_generation 2475
web_nlg | Data to Text | English
  task1728_web_nlg_data_to_text 6497
web_questions | Question Answering | English
  task1412_web_questions_question_answering 3772
  task1601_webquestions_answer_generation 3776
web_questions | Question Generation | English
  task1602_webquestion_question_genreation 3162
wiki_auto | Sentence Expansion | English
  task955_wiki_auto_style_transfer 1761
wiki_auto | Text Simplification | English
  task933_wiki_auto_style_transfer 1763
wiki_auto_all_data | Keyword Tagging | English
  task645_summarization 2000
wiki_hop | Question Answering | English
  task1296_wiki_hop_question_answering 6496
wiki_movies | Question Answering | English
  task615_moviesqa_answer_generation 6500 CCPL
wiki_qa | Answer Verification | English
  task1294_wiki_qa_answer_verification 2195
wikitext | Fill in The Blank | English
  task603_wikitext-103_fill_in_the_blank 224 CC BY-SA 4.0
wikitext | Title Generation | English
  task602_wikitext-103_answer_generation 84
wino_bias | Coreference Resolution | English
  task1664_winobias_text_generation 388
winograd_wsc | Coreference Resolution | English
  task648_answer_generation 284 CC BY 4.0
winograd_wsc | Information Extraction | English
  task646_answer_generation 117
  task647_answer_generation 242 CC BY 4.0
winogrande | Coreference Resolution | English
  task033_winogrande_answer_generation 6500 Apache 2.0
  task1391_winogrande_easy_answer_generation 6491
winogrande | Question Generation | English
  task029_winogrande_full_object 4500
  task030_winogrande_full_person 6500
  task031_winogrande_question_generation_object 4500
  task032_winogrande_question_generation_person 6500
winogrande | Question Rewriting | English
  task034_winogrande_question_modification_object 6500
  task035_winogrande_question_modification_person 6500
winomt | Gender Classification | English
  task340_winomt_classification_gender_pro 1576
  task341_winomt_classification_gender_anti 1577
  task342_winomt_classification_profession_pro 1577
  task343_winomt_classification_profession_anti 1577
  task350_winomt_classification_gender_identifiability_pro 3158
  task351_winomt_classification_gender_identifiability_anti 3154
winowhy | Commonsense Classification | English
  task136_winowhy_knowledge_categorization 267
winowhy | Coreference Resolution | English
  task133_winowhy_reason_plausibility_detection 2856
winowhy | Explanation | English
  task134_winowhy_reason_generation 273
winowhy | Wrong Candidate Generation | English
  task135_winowhy_wrong_reason_generation 273
wiqa | Question Answering | English
  task1727_wiqa_what_is_the_effect 6497
wiqa | Sentence Ordering | English
  task1548_wiqa_binary_classification 592
  task1549_wiqa_answer_generation_missing_step 92
wordnet | Word Semantics | English
  task1508_wordnet_antonyms 3377 WordNet 3.0 license (https://wordnet.princeton.edu/license-and-commercial-use)
wsc; enhanced_wsc | Sentence Perturbation | English
  task275_enhanced_wsc_paraphrase_generation 1178 CC BY 4.0
wsc; enhanced_wsc | Text Matching | English
  task276_enhanced_wsc_classification 1458
wsc_fiexed | Coreference Resolution | English
  task1390_wscfixed_coreference 648
x_csr | Linguistic Probing | English
  task114_is_the_given_word_longest 6500
x_csr | Question Answering | Chinese, English
  task1141_xcsr_zh_commonsense_mc_classification 993
x_csr | Question Answering | Dutch, English
  task1133_xcsr_nl_commonsense_mc_classification 993
x_csr | Question Answering | English
  task1135_xcsr_en_commonsense_mc_classification 993
x_csr | Question Answering | English, Arabic
  task1142_xcsr_ar_commonsense_mc_classification 993
x_csr | Question Answering | English, Hindi
  task1134_xcsr_hi_commonsense_mc_classification 993
x_csr | Question Answering | English, Italian
  task1143_xcsr_it_commonsense_mc_classification 993
x_csr | Question Answering | English, Spanish
  task1131_xcsr_es_commonsense_mc_classification 993
x_csr | Question Answering | English, Urdu
  task1132_xcsr_ur_commonsense_mc_classification 993
x_csr | Question Answering | English, Vietnamese
  task1130_xcsr_vi_commonsense_mc_classification 993
x_csr | Question Answering | French, English
  task1136_xcsr_fr_commonsense_mc_classification 993
x_csr | Question Answering | German, English
  task1138_xcsr_de_commonsense_mc_classification 993
x_csr | Question Answering | Japanese, English
  task1145_xcsr_jap_commonsense_mc_classification 993
x_csr | Question Answering | Polish, English
  task1140_xcsr_pl_commonsense_mc_classification 993
x_csr | Question Answering | Portuguese, English
  task1137_xcsr_pt_commonsense_mc_classification 993
x_csr | Question Answering | Russian, English
  task1139_xcsr_ru_commonsense_mc_classification 993
x_csr | Question Answering | Swahili, English
  task1144_xcsr_sw_commonsense_mc_classification 993
xcopa | Cause Effect Classification | Chinese, English
  task1184_xcopa_commonsense_reasoning_zh 597
  task1185_xcopa_commonsense_cause_effect_zh 597
xcopa | Cause Effect Classification | English, Estonian
  task968_xcopa_commonsense_reasoning_et 597
  task969_xcopa_commonsense_cause_effect_et 597
xcopa | Cause Effect Classification | English, Italian
  task1172_xcopa_commonsense_reasoning_it 597
  task1173_xcopa_commonsense_cause_effect_it 597
xcopa | Cause Effect Classification | English, Tamil
  task1176_xcopa_commonsense_reasoning_ta 597
  task1177_xcopa_commonsense_cause_effect_ta 597
xcopa | Cause Effect Classification | English, Thai
  task1178_xcopa_commonsense_reasoning_th 597
  task1179_xcopa_commonsense_cause_effect_th 597
xcopa | Cause Effect Classification | English, Vietnamese
  task1182_xcopa_commonsense_reasoning_vi 597
  task1183_xcopa_commonsense_cause_effect_vi 597
xcopa | Cause Effect Classification | Haitian, English
  task1168_xcopa_commonsense_reasoning_ht 597
  task1169_xcopa_commonsense_cause_effect_ht 597
xcopa | Cause Effect Classification | Indonesian, English
  task1170_xcopa_commonsense_reasoning_id 597
  task1171_xcopa_commonsense_cause_effect_id 597
xcopa | Cause Effect Classification | Swahili, English
  task1174_xcopa_commonsense_reasoning_sw 597
  task1175_xcopa_commonsense_cause_effect_sw 597
xcopa | Cause Effect Classification | Turkish, English
  task1180_xcopa_commonsense_reasoning_tr 597
  task1181_xcopa_commonsense_cause_effect_tr 597
xcsr | Sentence Perturbation | Chinese, English
  task412_mickey_zh_sentence_perturbation_generation 6472
xcsr | Sentence Perturbation | Dutch, English
  task409_mickey_nl_sentence_perturbation_generation 6471
xcsr | Sentence Perturbation | English
  task413_mickey_en_sentence_perturbation_generation 6482 MIT
xcsr | Sentence Perturbation | English, Arabic
  task414_mickey_ar_sentence_perturbation_generation 6423
xcsr | Sentence Perturbation | English, Bulgarian
  task415_mickey_bg_sentence_perturbation_generation 6471
xcsr | Sentence Perturbation | English, Hindi
  task407_mickey_hi_sentence_perturbation_generation 6471
xcsr | Sentence Perturbation | English, Italian
  task408_mickey_it_sentence_perturbation_generation 6472
xcsr | Sentence Perturbation | English, Spanish
  task417_mickey_es_sentence_perturbation_generation 6468
xcsr | Sentence Perturbation | English, Vietnamese
  task411_mickey_vi_sentence_perturbation_generation 6471
xcsr | Sentence Perturbation | French, English
  task406_mickey_fr_sentence_perturbation_generation 6469
xcsr | Sentence Perturbation | German, English
  task416_mickey_de_sentence_perturbation_generation 6471
xcsr | Sentence Perturbation | Russian, English
  task410_mickey_ru_sentence_perturbation_generation 6470
xl_wic | Sentence Composition | English
  task626_xlwic_sentence_based_on_given_word_sentence_generation 267
  task627_xlwic_word_with_same_meaning_sentence_generation 156 CC BY-NC 4.0
  task628_xlwic_word_with_different_meaning_sentence_generation 39
xl_wic | Word Semantics | English
  task625_xlwic_true_or_false_answer_generation 144
xlsum | Summarization | English
  task1357_xlsum_summary_generation 6130
xlsum | Title Generation | English
  task1356_xlsum_title_generation 6130
  task1358_xlsum_title_generation 6128 CC BY-SA 4.0
xquad | Question Answering | English
  task1608_xquad_en_answer_generation 1185
xquad | Question Answering | English, Spanish
  task1610_xquad_es_answer_generation 1184
xquad | Question Generation | English
  task1609_xquad_en_question_generation 240 CC BY-SA 4.0
xquad | Question Generation | English, Spanish
  task1611_xquad_es_question_generation 240
xquad | Translation | English, Catalan
  task1676_xquad-ca_translation 1180
  task1677_xquad-ca_translation 1180
xsum | Summarization | English
  task1290_xsum_summarization 6493 MIT
yahoo_answers_topics | Question Generation | English
  task1594_yahoo_answers_topics_question_generation 2163
yahoo_answers_topics | Text Categorization | English
  task1592_yahoo_answers_topics_classfication 994
  task1593_yahoo_answers_topics_classification 993
yelp_polarity | Sentiment Analysis | English
  task475_yelp_polarity_classification 6500
yelp_restaurant_review | Sentiment Analysis | English
  task746_yelp_restaurant_review_classification 1036
yelp_review_full | Sentiment Analysis | English
  task1292_yelp_review_full_text_categorization 6494
yoruba_bbc_topics | Text Categorization | English, Yoruba
  task612_yorubabbc_classification 1908
youtube_caption_corrections | Grammar Error Correction | English
  task1415_youtube_caption_corrections_grammar_correction 6485
youtube_caption_corrections | Grammar Error Detection | English
  task1416_youtube_caption_corrections_incorrect_grammar_classification 6485
zest | Question Generation | English
  task120_zest_text_modification 141 Apache 2.0
zest | Question Rewriting | English
  task121_zest_text_modification 127
  task1562_zest_text_modification 142 Apache 2.0
"""
