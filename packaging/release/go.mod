module pabal/packaging/release

go 1.26.4
