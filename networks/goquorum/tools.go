//go:build tools

// Package goquorum names the program that is built here, so that go.mod and go.sum pin all of it.
package goquorum

import _ "github.com/ethereum/go-ethereum/cmd/geth"
