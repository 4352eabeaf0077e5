package main

import (
	"testing"
	"time"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1500": 1500, "20G": 20e9, "20 GB": 20e9, "500M": 500e6, "1.5Ti": 3 << 39, "64KiB": 64 << 10, "2k": 2000, "10B": 10, "1P": 1e15,
	} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "G", "-1", "1X", "1GG", "1i", "NaN", "9999999999P", "1 2", "1e", "KM"} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90m": 90 * time.Minute, "36h": 36 * time.Hour, "30d": 30 * 24 * time.Hour, "8w": 8 * 7 * 24 * time.Hour, "1.5d": 36 * time.Hour,
	} {
		var got age
		if err := got.UnmarshalText([]byte(text)); err != nil || time.Duration(got) != want {
			t.Errorf("%q: got %v, %v; want %v", text, time.Duration(got), err, want)
		}
	}
	for _, text := range []string{"", "30", "-1d", "d", "1e9d", "-5m", "NaNd", "1y"} {
		var got age
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, time.Duration(got))
		}
	}
}

func TestPercent(t *testing.T) {
	for text, want := range map[string]percent{"5": 5, "0.5%": 0.5, "100": 100} {
		var got percent
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "101", "-1", "NaN", "x", "5%%"} {
		var got percent
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
