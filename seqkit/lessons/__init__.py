"""Lessons: pages to show in class, each made of models that are trained while it is made. A file each.

A lesson is a module with a :class:`Lesson` called ``LESSON``; it is found by its presence.
"""

from seqkit.lessons.lesson import Lesson, available_lessons, find_lesson, lesson_page

__all__ = ["Lesson", "available_lessons", "find_lesson", "lesson_page"]
