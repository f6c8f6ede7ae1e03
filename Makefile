# What one does here. Everything else is a cargo command.
.PHONY: run check bench bench-peers start stop logs e2e-phoenix e2e-llama e2e-litellm

run: ## the main job
	cargo run --release -- run scenarios/ --models lgbm,prophet,arima

check: ## what CI runs
	bash .ci/run

bench: ## timings of the models' inner loops
	cargo bench --bench lgbm --bench prophet --bench arima --bench ets

bench-peers: ## our forecasters beside the Python packages they follow: CPU time, turn by turn (a virtual environment of 1 GB, once)
	bash benches/peers/run

start: ## Phoenix for traces, at http://localhost:6006
	docker compose up --detach

stop: ## stop it; traces stay
	docker compose down

logs: ## what it says
	docker compose logs --follow

e2e-phoenix: ## traces against a real Phoenix from PyPI; the transcript goes to results/reference/e2e
	bash tests/e2e/phoenix.sh --write

e2e-llama: ## agents against a llama.cpp server with random weights, built from PyPI
	bash tests/e2e/llama.sh --write

e2e-litellm: ## agents through a LiteLLM proxy from PyPI, our scripted server behind it
	bash tests/e2e/litellm.sh --write
