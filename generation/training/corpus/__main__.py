from generation.training.corpus.build import main

main()
