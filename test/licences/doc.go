// Package licences checks that every module that the project is built or tested
// with has a free licence.
package licences
