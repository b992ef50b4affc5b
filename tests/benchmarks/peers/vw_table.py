"""A logistic regression by Vowpal Wabbit's own driver, with its cache."""

import pylibvw
from common import arguments, say

given = arguments()
cache, model = f"{given['folder']}/vw.cache", f"{given['folder']}/vw.model"
words = f"--data {given['data']} --loss_function logistic --quiet -f {model} --holdout_off "
words += f"--cache_file {cache} -k --passes {given['passes']}"
driver = pylibvw.vw(words.split())
driver.run_parser()
say(loss=driver.get_sum_loss() / max(driver.get_weighted_examples(), 1))
driver.finish()
