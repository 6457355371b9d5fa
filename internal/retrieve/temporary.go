package retrieve

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
)

// temporaryPrefix begins the names of files that are not complete. No object
// gets such a name.
const temporaryPrefix = ".s3bundler-"

func isTemporary(e string) bool {
	return len(e) >= len(temporaryPrefix) && strings.EqualFold(e[:len(temporaryPrefix)], temporaryPrefix)
}

// unfinished is what the file of an object is called until it is complete: the
// same in every run, so that one goes on with the file of another that was
// killed, and none is left over.
func unfinished(key string) string {
	return path.Join(path.Dir(key), temporaryPrefix+shortHash(key))
}

// temporary opens an empty file for the object that will be at key, beside it.
// Where another run is writing it, or something else has its name, it gets
// another name.
func (f *Folder) temporary(key string) (name string, file *os.File, err error) {
	if claims {
		name = unfinished(key)
		file, err = f.create(name)
		switch {
		case errors.Is(err, fs.ErrExist):
			file, err = f.takeOver(name)
		case err == nil && !claim(file): // another run was faster
			file.Close()
			err = errTaken
		}
		if err != errTaken {
			return name, file, err
		}
	}
	for {
		name = path.Join(path.Dir(key), fmt.Sprintf("%s%016x", temporaryPrefix, rand.Uint64()))
		file, err = f.create(name)
		if !errors.Is(err, fs.ErrExist) {
			return name, file, err
		}
	}
}

func (f *Folder) create(name string) (*os.File, error) {
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

var errTaken = errors.New("the name is taken")

// takeOver opens and empties a file that a run has left. The error is errTaken
// if it is not that, or may not be.
func (f *Folder) takeOver(name string) (*os.File, error) {
	if info, err := f.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil, errTaken
	}
	file, err := f.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return nil, errTaken
	}
	// Whoever had claimed it may have renamed it meanwhile, and is done.
	if claim(file) && f.isAt(file, name) && file.Truncate(0) == nil {
		return file, nil
	}
	file.Close()
	return nil, errTaken
}

// complete gives a file its name and closes it. A claimed one must have the
// name before another run can claim it; then it is the closing that can fail
// with the name already given.
func (f *Folder) complete(file *os.File, name, to string) error {
	if !claims {
		err := file.Close()
		if err == nil {
			err = f.root.Rename(name, to)
		}
		if err != nil {
			_ = f.root.Remove(name) // the error says more
		}
		return err
	}
	if err := f.root.Rename(name, to); err != nil {
		f.abandon(file, name)
		return err
	}
	err := file.Close()
	if err != nil {
		_ = f.root.Remove(to) // the error says more
	}
	return err
}

// abandon removes a file, while it is still claimed if it can be. One that
// stays is in nobody's way: the error that led here says more.
func (f *Folder) abandon(file *os.File, name string) {
	if claims {
		_ = f.root.Remove(name)
	}
	file.Close()
	if !claims {
		_ = f.root.Remove(name)
	}
}

// isAt reports whether an open file still has its name.
func (f *Folder) isAt(file *os.File, name string) bool {
	there, err := f.root.Lstat(name)
	if err != nil {
		return false
	}
	open, err := file.Stat()
	return err == nil && os.SameFile(there, open)
}
