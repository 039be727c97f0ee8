//! Disposable hosts in containers.
