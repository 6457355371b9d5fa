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
		if file, err = f.claimed(name); err != errTaken {
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

// claimed opens a file for this run alone, new or left by another. The error
// is errTaken if something has the name that is not that, or may not be.
func (f *Folder) claimed(name string) (*os.File, error) {
	file, err := f.create(name)
	if errors.Is(err, fs.ErrExist) {
		if info, err := f.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
			return nil, errTaken
		}
		if file, err = f.root.OpenFile(name, os.O_WRONLY, 0); err != nil {
			return nil, errTaken
		}
	}
	if err != nil {
		return nil, err
	}
	if !f.own(file, name) {
		file.Close()
		return nil, errTaken
	}
	return file, nil
}

// own claims and empties an open file, and reports whether it may be written.
// Also one that this run has made itself may have been taken over before it
// was claimed: by a run that is at it, or that is done, and then the file is an
// object. One with a second name is somebody's, too: it loses this one.
func (f *Folder) own(file *os.File, name string) bool {
	if !claim(file) {
		return false
	}
	info, err := file.Stat()
	if err != nil || !f.isAt(info, name) {
		return false
	}
	if links(info) > 1 {
		_ = f.root.Remove(name) // where it stays, it is passed over every time
		return false
	}
	return file.Truncate(0) == nil
}

// complete gives a file its name and closes it. A claimed one must have the
// name before another run can claim it; then it is the closing that can fail
// with the name already given.
func (f *Folder) complete(file *os.File, name, to string, over bool) error {
	if !claims {
		err := file.Close()
		if err == nil {
			err = f.rename(name, to, over)
		}
		if err != nil {
			_ = f.root.Remove(name) // the error says more
		}
		return err
	}
	if err := f.rename(name, to, over); err != nil {
		f.abandon(file, name)
		return err
	}
	err := file.Close()
	if err != nil {
		_ = f.root.Remove(to) // the error says more
	}
	return err
}

// rename gives a complete file its name. Unless over is set it replaces
// nothing, also not what another run has put there a moment ago: a link is made
// only where there is nothing.
func (f *Folder) rename(name, to string, over bool) error {
	if over {
		return f.root.Rename(name, to)
	}
	err := f.root.Link(name, to)
	if err == nil {
		_ = f.root.Remove(name) // sweep removes what stays
		return nil
	}
	// Not every file system has links. The renaming tells what else is wrong.
	if _, there := f.root.Lstat(to); there == nil || errors.Is(err, fs.ErrExist) {
		return refuse(Exists, f.at(to), errExists)
	}
	return f.root.Rename(name, to)
}

// sweep removes the temporary name that the object at key has still, because
// its run was killed when it had just given it the other.
func (f *Folder) sweep(key string, info fs.FileInfo) {
	name := unfinished(key)
	if links(info) < 2 || !f.isAt(info, name) {
		return
	}
	file, err := f.root.Open(name)
	if err != nil {
		return
	}
	defer file.Close()
	if claim(file) && f.isAt(info, name) {
		_ = f.root.Remove(name) // it is in nobody's way
	}
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

// isAt reports whether a file has this name.
func (f *Folder) isAt(file fs.FileInfo, name string) bool {
	there, err := f.root.Lstat(name)
	return err == nil && os.SameFile(there, file)
}
