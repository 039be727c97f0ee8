#!/bin/sh
exec cat "${0%.sh}.json"
