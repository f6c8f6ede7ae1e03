# The three things one does here. Everything else is a cargo command.
.PHONY: run check bench

run: ## the main job
	cargo run --release -- run scenarios/ --models lgbm,prophet,arima

check: ## what CI runs
	bash .ci/run

bench: ## timings of the models' inner loops
	cargo bench --bench lgbm --bench prophet --bench arima
